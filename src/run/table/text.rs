//! A table as text: a line for the header, then one for each row, each a JSON object; read back only whole.

use super::{Header, Row, Table};
use crate::diagnostic::{Code, Diagnostic, Result};

impl Table {
    /// The table as text.
    pub fn to_text(&self) -> String {
        let rows: String = self.rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect();
        let header = Header { rows: self.rows.len(), blake3: checksum(&rows), ..self.header.clone() };
        serde_json::to_string(&header).unwrap_or_default() + "\n" + &rows
    }

    /// The table that a text holds; `name` is the file's, for the error.
    ///
    /// # Errors
    /// Where it is no table, or not all of one.
    pub fn from_text(name: &str, text: &str) -> Result<Self> {
        let wrong = |why: String| {
            let message = format!("`{name}` is no whole table: {why}");
            Box::new(Diagnostic::error(Code::DATA, message).help("build it again: `phyla table build`"))
        };
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let header: Header = serde_json::from_str(first).map_err(|error| wrong(format!("line 1: {error}")))?;
        if checksum(rest) != header.blake3 {
            let found = rest.lines().count();
            return Err(wrong(match found == header.rows {
                true => "its rows are not those it was written with".to_owned(),
                false => format!("it has {found} rows, and was written with {}", header.rows),
            }));
        }
        let row = |(number, line): (usize, &str)| {
            let row: Row = serde_json::from_str(line).map_err(|error| wrong(format!("line {}: {error}", number + 2)))?;
            let complete = row.loss.len() as u64 == header.seeds;
            if complete { Ok(row) } else { Err(wrong(format!("line {} has no loss for each seed", number + 2))) }
        };
        let rows = rest.lines().enumerate().map(row).collect::<Result<Vec<Row>>>()?;
        Ok(Self { header, rows })
    }
}

fn checksum(rows: &str) -> String {
    blake3::hash(rows.as_bytes()).to_hex().chars().take(32).collect()
}
