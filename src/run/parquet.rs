//! Parquet files, whose rows are read as the JSON Lines they amount to; with the feature `parquet` alone, as few need so many crates.

#[cfg(feature = "parquet")]
use parquet::file::reader::{FileReader, SerializedFileReader};

/// The rows of a Parquet file, one JSON object a line.
///
/// # Errors
/// Why it cannot be read, in a few words.
#[cfg(feature = "parquet")]
pub(super) fn lines(path: &str) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| super::files::reason(&error))?;
    let told = |error| format!("it is no Parquet file, or a damaged one: {error}");
    let reader = SerializedFileReader::new(file).map_err(told)?;
    let mut text = String::new();
    for row in reader.get_row_iter(None).map_err(told)? {
        text += &row.map_err(told)?.to_json_value().to_string();
        text.push('\n');
    }
    Ok(text)
}

/// Nothing, as this build has no reader.
///
/// # Errors
/// Always: how to get a build that has one.
#[cfg(not(feature = "parquet"))]
pub(super) fn lines(path: &str) -> Result<String, String> {
    match std::fs::metadata(path) {
        Ok(_) => Err("this build reads no Parquet; `cargo install --path . --features parquet` makes one that does".to_owned()),
        Err(error) => Err(super::files::reason(&error)),
    }
}
