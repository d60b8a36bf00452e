//! Tasks in Parquet, against files that pyarrow wrote; without the feature, what a user is told.

#![cfg_attr(feature = "parquet", expect(clippy::expect_used, reason = "a test fails by panicking"))]

#[cfg(feature = "parquet")]
mod common;

use phyla::run::files::read_data;

const PAIRS: &str = "tests/parquet/pairs.parquet";

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_it_says_how_to_get_one() {
    let why = read_data(PAIRS).expect_err("no reader");
    assert!(why.contains("--features parquet"), "{why}");
    assert_eq!(read_data("tests/parquet/none.parquet").expect_err("no file"), "there is no such file");
}

#[cfg(feature = "parquet")]
mod with {
    use super::common::{Memory, experiment};
    use super::{PAIRS, read_data};
    use phyla::data::{Gold, read_labelled, read_test};
    use phyla::settings::Task;

    const HUB: &str = "experiment hub {
    model = std.models.micro
    final = { weights = hugging_face(\"$NOWHERE\"), suite = std.hub.glue { data = \"$NOWHERE\" } }
    compare = [std.architectures.bert.first(2)]
}
";

    /// A task of the standard library's `std.hub`.
    fn task(name: &str) -> Task {
        let checked = experiment(&Memory::new(&[("hub.phyla", HUB)]), "hub.phyla");
        checked.settings.r#final.suite.tasks.into_iter().find(|task| task.name == name).expect("it is declared")
    }

    #[test]
    fn rows_are_what_was_written() {
        let (mnli, text) = (task("mnli"), read_data(PAIRS).expect("read"));
        let read = read_labelled(&mnli, PAIRS, &text).expect("five rows").rows;
        let rows: Vec<(&str, &str, Gold)> =
            read.iter().map(|row| (row.first.as_str(), row.second.as_deref().unwrap_or_default(), row.gold)).collect();
        assert_eq!(
            rows,
            [
                ("A cat sleeps.", "An animal rests.", Gold::Class(0)),
                ("He said \"no\",\nand left.", "He stayed.", Gold::Class(2)),
                ("Ein schöner Tag", "It may rain.", Gold::Class(1)),
                ("", "Nothing was said before.", Gold::Class(1)),
                ("Two birds sing.", "Birds are heard.", Gold::Class(0)),
            ]
        );
        assert_eq!(read_test(&mnli, PAIRS, &text).expect("the label is not asked for").rows.len(), 5);
        let path = "tests/parquet/scores.parquet";
        let scores = read_labelled(&task("stsb"), path, &read_data(path).expect("read")).expect("three rows").rows;
        let scores: Vec<Gold> = scores.iter().map(|row| row.gold).collect();
        assert_eq!(scores, [Gold::Score(5.0), Gold::Score(f64::from(1.8_f32)), Gold::Score(0.0)]);
    }

    #[test]
    fn mistakes_name_row_and_column() {
        let text = read_data(PAIRS).expect("read");
        let wrong = read_labelled(&task("qnli"), PAIRS, &text).expect_err("other columns");
        assert_eq!(
            wrong.message,
            "tests/parquet/pairs.parquet, row 1: expected a column `question`, found `premise`, `hypothesis`, `label`, `idx`"
        );
        let rte = Task { text: vec!["premise".to_owned(), "hypothesis".to_owned()], ..task("rte") };
        let wrong = read_labelled(&rte, PAIRS, &text).expect_err("a class too many");
        assert_eq!(wrong.message, "tests/parquet/pairs.parquet, row 2, column `label`: expected a label, one of `0`, `1`, found `2`");
        let folder = tempfile::TempDir::new().expect("a folder");
        let bytes = std::fs::read(PAIRS).expect("read");
        for (name, bytes) in [("cut.parquet", bytes.get(..bytes.len() / 2).expect("half")), ("text.parquet", b"label\ttext\n".as_slice())] {
            let path = folder.path().join(name).display().to_string();
            std::fs::write(&path, bytes).expect("written");
            let why = read_data(&path).expect_err("no Parquet");
            assert!(why.starts_with("it is no Parquet file, or a damaged one"), "{why}");
        }
    }
}
