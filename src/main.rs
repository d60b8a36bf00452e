//! The `phyla` command.

fn main() {}
