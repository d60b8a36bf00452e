//! The stable codes and what each stands for.

/// A stable code such as `E0203`, or `W0601` of a warning; the digits name the group: 01 syntax, 02 names, 03 types, units and arguments, 04 shapes,
/// 05 spaces, 06 records, 07 modules, 08 data, 09 running, 10 tests.
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
    CLOSES_NOTHING = "E0106": "A bracket closes nothing.";
    ESCAPE = "E0107": "There is no such escape.";
    NUMBER = "E0108": "A number is larger than any that can be represented.";
    CHAIN = "E0109": "Comparisons and ranges do not chain.";
    AFTER_RESULT = "E0110": "Something follows the result of a body.";
    UNNAMED_FIELD = "E0111": "A field has no name.";
    BLOCK_AFTER_CALL = "E0112": "A block belongs to nothing.";
    SIGNATURE = "E0113": "What has parameters has a body.";
    SAYS_NOTHING = "E0114": "A declaration says nothing.";
    STATEMENT = "E0115": "A test holds statements, not fields.";
    UNKNOWN_NAME = "E0201": "A name is not declared.";
    DUPLICATE_NAME = "E0202": "A name is declared twice.";
    UNKNOWN_OP = "E0203": "An operation is not known.";
    CYCLE = "E0204": "Declarations refer to one another in a circle.";
    UNKNOWN_KIND = "E0205": "There is no such kind of declaration.";
    UNKNOWN_INPUT = "E0206": "There is no input of this name.";
    UNKNOWN_VALUE = "E0207": "This is none of a field's values.";
    UNKNOWN_LAW = "E0208": "There is no such law.";
    NOT_DECLARED_THERE = "E0209": "The module declares no such name.";
    BOUND_TWICE = "E0210": "A name is bound twice in a body.";
    SAME_LABEL = "E0211": "Two members of a choice have one label.";
    FIELD_CYCLE = "E0212": "A field of a space is defined through itself.";
    UNUSED_IMPORT = "W0201": "An import is not used.";
    UNUSED_BINDING = "W0202": "A binding is not used.";
    TYPE = "E0301": "A field takes another type of value.";
    UNIT = "E0302": "A number has the wrong unit.";
    RANGE = "E0303": "A number lies outside what a field allows.";
    ARGUMENTS = "E0304": "There are more arguments than something takes.";
    RECORD_WANTED = "E0305": "A record is wanted.";
    ONE_OF = "E0306": "One of a few values is wanted.";
    NOT_A_TENSOR = "E0307": "A tensor is wanted.";
    GRAPH_WANTED = "E0308": "A graph is wanted.";
    SIZE_WANTED = "E0309": "A size is wanted.";
    SHAPE_WANTED = "E0310": "A shape is wanted.";
    NO_RESULT = "E0311": "A body has no result.";
    OPS_WANTED = "E0312": "A set of operations is wanted.";
    SPACE_WANTED = "E0313": "A space is wanted.";
    ARCHITECTURE_WANTED = "E0314": "An architecture is wanted.";
    COMPARISON = "E0315": "A comparison has no meaning in a graph.";
    EMPTY_RANGE = "E0316": "A range is empty.";
    SIZE = "E0317": "A size cannot be computed, or is not above 0.";
    REPEAT = "E0318": "`repeat` takes a count from 1 to 4096, and `tie`.";
    MISSING_ARGUMENT = "E0319": "An argument is missing.";
    UNKNOWN_PARAMETER = "E0320": "There is no such parameter.";
    INPUTS = "E0321": "A graph is given too few or too many tensors.";
    STATIC_ARGUMENT = "E0322": "A static argument has another type.";
    GRAPH_SIZE = "E0323": "A graph is too large.";
    SHAPE = "E0401": "Shapes do not fit an operation.";
    WORLD = "E0402": "An operation stands on the wrong side of `per_head`.";
    RESULT_SHAPE = "E0403": "A graph does not give the shape it states.";
    INPUT_SHAPE = "E0404": "A tensor does not fit a graph's input.";
    NO_RESULT_SHAPE = "E0405": "An operation does not state its result.";
    PARAMETERS_IN_OP = "E0406": "An operation owns parameters.";
    OP_IN_DAG = "E0407": "An operation cannot stand in a `dag`.";
    CHOICE = "E0501": "A choice has no members.";
    EMPTY_SPACE = "E0502": "A space has no members.";
    NOT_A_MEMBER = "E0503": "An architecture does not lie in its space.";
    HOLE = "E0504": "A hole stands where nothing fills it.";
    CONDITION = "E0505": "This is no condition on architectures.";
    EMPTY_OPS = "E0506": "A set of operations is empty.";
    NO_INPUTS = "E0507": "A `dag` has no inputs.";
    INPUT_LIST = "E0508": "`inputs` lists names.";
    TOO_MANY_USES = "E0509": "More inputs are to be used than there are.";
    UNCOUNTABLE = "E0510": "A `dag` is too large to be counted.";
    MIXED_CHOICE = "E0511": "A choice of sizes lists positive whole numbers.";
    FILLINGS = "E0512": "A hole is filled another number of times than it is repeated.";
    UNFILLED = "E0513": "A hole is not filled.";
    FIRST = "E0514": "`first` takes a number of layers that are there.";
    ONE_MEMBER = "W0501": "A choice has one member.";
    IDLE_OP = "W0502": "An operation stands in no member of a `dag`.";
    UNKNOWN_FIELD = "E0601": "A record has no such field.";
    MISSING_FIELD = "E0602": "A field is missing.";
    DUPLICATE_FIELD = "E0603": "A field is given twice.";
    MISPLACED_REQUIRE = "E0604": "`require` stands in a space.";
    HEADS = "E0605": "The heads do not divide the width.";
    PHASE = "E0606": "A phase is longer than the model's sentences.";
    OBJECTIVE = "E0607": "A training has the wrong objective.";
    BETAS = "E0608": "`betas` are two numbers below 1.";
    NO_STEPS = "E0609": "The final pre-training has no steps.";
    NO_TASKS = "E0610": "A suite has no tasks.";
    PRECISION = "E0611": "The device cannot compute in this precision.";
    AGREEMENT = "E0612": "Rank agreement needs shared weights.";
    RUNGS = "E0613": "Halving has more rungs than steps.";
    OBJECTIVES = "E0614": "A search has no objective, or two about the same measure.";
    HOLD_OUT = "E0615": "Candidates have no hold-out to be scored on.";
    NO_SEARCH = "E0616": "An experiment has no search, and something needs one.";
    WEIGHTS = "E0617": "Weights that were trained elsewhere do not fit.";
    NO_SUCH_TASK = "E0618": "A suite has no task of this name.";
    TASK_PARTS = "E0619": "The parts of a task do not go together.";
    SHARES = "E0620": "The shares of a whole do not add up.";
    WARM_UP = "W0601": "The learning rate never reaches its height.";
    IDLE_PATHS = "W0602": "Paths by priority make no difference.";
    IDLE_STOP = "W0603": "A stop rule never fires.";
    OTHER_DEPTH = "W0604": "A compared architecture has another number of layers than the space.";
    SEARCH_NUMBERS = "W0605": "The numbers of a search do not go together.";
    IDLE_FIELD = "W0606": "A field makes no difference.";
    BACKWARD = "W0607": "An objective asks for the worse.";
    MODULE = "E0701": "There is no such module.";
    IMPORT_CYCLE = "E0702": "Files import one another in a circle.";
    SOURCE = "E0703": "A source cannot be read.";
    MISSING_FILE = "E0801": "A data file is missing or cannot be read.";
    DATA = "E0802": "A data file does not hold what is expected.";
    ROWS = "E0803": "A data file has another number of rows than its task tells.";
    DATA_TEXT = "E0804": "A data file is not UTF-8 text.";
    SUBMISSION = "E0805": "A submission to GLUE cannot be made.";
    VARIABLE = "W0801": "An environment variable is not set.";
    RUN_FOLDER = "E0901": "The run folder cannot be used.";
    WRITE = "E0902": "A file cannot be written.";
    DIVERGED = "E0903": "Training diverged.";
    EXECUTOR = "E0904": "The executor failed.";
    INTERRUPTED = "E0905": "The run was interrupted.";
    USAGE = "E0906": "The command line is not understood.";
    DEVICE = "E0907": "The device cannot be used.";
    MEMORY = "E0908": "There is too little memory.";
    INTERNAL = "E0999": "A defect of Phyla itself.";
    FALSE_CLAIM = "E1001": "A claim of a test does not hold.";
    CLAIM_WANTED = "E1002": "A test claims what is true or false.";
    INCOMPARABLE = "E1003": "Two things cannot be compared.";
}
