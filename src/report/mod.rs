//! The report of a run: what its journal holds, for a spreadsheet, for a terminal and for a browser.
//!
//! Every function goes from entries to text: it reads no file, no clock and no model, so that the same journal gives the same
//! bytes, and a run that is still going on can be reported like one that is over. Scores of the search were measured on a
//! hold-out of each task's train split, those of final models on dev; the two are never put on one axis. Nobody is called
//! the best of the final table with fewer than three seeds.
//!
//! In reading order: `contents` sorts the entries; `words` writes numbers and escapes; `csv`, `terminal` and `html` are the
//! three outputs; `finals` and `candidates` are tables of the page, `curve`, `front`, `lineage`, `drift`, `agreement`, `population` and `priorities` its plots, drawn on
//! a `plot`; `explain` tells of one candidate, `compared` draws searches on a table, `rivals` sets runs beside one another.

mod agreement;
mod candidates;
mod compared;
mod contents;
mod csv;
mod curve;
mod drift;
mod explain;
mod finals;
mod front;
mod html;
mod lineage;
mod plot;
mod population;
mod priorities;
mod rivals;
mod terminal;
#[cfg(test)]
mod tests;
mod words;

pub use compared::curves;
pub use csv::results_csv;
pub use explain::{Ancestor, Explained, explain};
pub use html::{Drawing, html};
pub use rivals::{Measured, Rivals, rivals};
pub use terminal::table;
