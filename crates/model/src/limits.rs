//! Every bound of the language, in one place. Each exceeded one is a mistake of the model or a refused command, never a slow one.

/// A model's text.
pub const MODEL_BYTES_MAX: usize = 1 << 20;
/// One expression's text.
pub const EXPRESSION_BYTES_MAX: usize = 2048;
/// Nodes of one compiled expression.
pub const EXPRESSION_NODES_MAX: usize = 512;
/// How deep brackets may nest in one expression.
pub const EXPRESSION_NESTING_MAX: usize = 24;
/// How deep a compiled expression may be; a chain such as `a + b + c` counts each step.
pub const EXPRESSION_DEPTH_MAX: usize = 100;
/// How deep `exists`, `all`, `filter` and `map` may nest: each level multiplies the cost by a list's length.
pub const MACRO_NESTING_MAX: usize = 2;
/// How deep types may nest.
pub const TYPE_NESTING_MAX: usize = 8;
/// Elements of a list that declares no `max`, and the greatest `max` that one may declare.
pub const LIST_ITEMS_MAX_DEFAULT: u32 = 1000;
pub const LIST_ITEMS_MAX: u32 = 10_000;
/// Characters of a string that declares no `max`, and the greatest `max` that one may declare.
pub const STRING_CHARS_MAX_DEFAULT: u32 = 65_536;
pub const STRING_CHARS_MAX: u32 = 262_144;
/// What all expressions of one command, or of one aggregate's or event's rows in a view, may do together: an element that is visited counts
/// 1, and so do [`WORK_BYTES`] of text that are read or built. About a tenth of a second.
pub const WORK_MAX: usize = 2_000_000;
pub const WORK_BYTES: usize = 64;
/// Elements of an `each`.
pub const EACH_ITEMS_MAX: usize = 1000;
/// Operations of one command.
pub const COMMAND_OPS_MAX: usize = 10_000;
/// Bytes that an expression may build by `+`, `split` and the like.
pub const BUILT_BYTES_MAX: usize = 262_144;
/// An aggregate's id.
pub const ID_BYTES_MAX: usize = 128;
/// A declared name.
pub const NAME_BYTES_MAX: usize = 64;
/// Mistakes that are reported of one command's arguments.
pub const ARG_ERRORS_MAX: usize = 100;
/// JSON's exact integers: ±(2^53 − 1).
pub const INT_MAX: i64 = (1 << 53) - 1;
/// Mistakes that are reported of one model.
pub const DIAGNOSTICS_MAX: usize = 500;
