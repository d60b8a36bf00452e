//! The stable codes and what each stands for.

/// A stable code such as `E0203`; the digits name the group: 01 syntax, 02 names, 03 types and units,
/// 04 shapes, 05 spaces, 06 records, 07 modules, 08 data, 09 running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

macro_rules! codes {
    ($($name:ident = $code:literal: $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code($code);)*
        }
        /// Every code with what it stands for, in order.
        pub const CODES: &[(Code, &str)] = &[$((Code::$name, $title)),*];
    };
}

codes! {
    SYNTAX = "E0101": "The text does not follow the grammar.";
    UNCLOSED = "E0102": "A bracket or a string is not closed.";
    NESTING = "E0103": "Brackets or operators are nested too deeply.";
    TOO_LARGE = "E0104": "A source is larger than 8 MiB.";
    NOT_TEXT = "E0105": "A source is not UTF-8 text.";
    UNKNOWN_NAME = "E0201": "A name is not declared.";
    DUPLICATE_NAME = "E0202": "A name is declared twice.";
    UNKNOWN_OP = "E0203": "An operation is not known.";
    CYCLE = "E0204": "Declarations refer to one another in a circle.";
    TYPE = "E0301": "A value has the wrong type.";
    UNIT = "E0302": "A number has the wrong unit.";
    RANGE = "E0303": "A number or range lies outside what is allowed.";
    ARGUMENTS = "E0304": "The arguments do not fit what is called.";
    SHAPE = "E0401": "Shapes do not fit.";
    WORLD = "E0402": "An operation stands on the wrong side of per_head.";
    CHOICE = "E0501": "A choice has no members.";
    EMPTY_SPACE = "E0502": "A space has no members.";
    NOT_A_MEMBER = "E0503": "An architecture does not lie in its space.";
    HOLE = "E0504": "A hole stands where none can be.";
    UNKNOWN_FIELD = "E0601": "A record has no such field.";
    MISSING_FIELD = "E0602": "A record lacks a field.";
    DUPLICATE_FIELD = "E0603": "A field is given twice.";
    MODULE = "E0701": "A module cannot be found or read.";
    IMPORT_CYCLE = "E0702": "Files import one another in a circle.";
    MISSING_FILE = "E0801": "A data file is missing or cannot be read.";
    DATA = "E0802": "A data file does not hold what is expected.";
    RUN_FOLDER = "E0901": "The run folder cannot be used.";
    WRITE = "E0902": "A file cannot be written.";
    DIVERGED = "E0903": "Training diverged.";
    EXECUTOR = "E0904": "The executor failed.";
    INTERRUPTED = "E0905": "The run was interrupted.";
    USAGE = "E0906": "The command line is not understood.";
    DEVICE = "E0907": "The device cannot be used.";
    MEMORY = "E0908": "There is too little memory.";
    INTERNAL = "E0999": "A defect of Phyla itself.";
}
