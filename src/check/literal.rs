//! Paths and numbers as they are written, and numbers with the unit that a field wants.

use super::Checker;
use super::record::plain;
use super::value::Val;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::settings::{Field, Unit};
use crate::syntax::ast::{Expr, ExprKind, Name};
use serde_json::Value;

impl Checker<'_> {
    #[expect(clippy::too_many_arguments, reason = "what is wanted, what was given and where belong together")]
    pub(super) fn number(
        &self,
        field: &Field,
        unit: Unit,
        value: f64,
        given: Option<&str>,
        span: Span,
        (low, high): (f64, f64),
        whole: bool,
    ) -> Option<Val> {
        // A number of steps is none of a share; where a field takes either, a share is less than all.
        let share = unit == Unit::Steps && given == Some("%");
        let Some(factor) = factor(unit, given).filter(|_| !(share && whole)) else {
            let given = given.unwrap_or("");
            let wanted = match unit {
                Unit::Plain => "a plain number",
                Unit::Share => "a share, such as `15%`",
                Unit::Steps => "steps",
                Unit::Epochs => "epochs",
                Unit::Generations => "generations",
                Unit::Seconds => "a time: ms, s, min or h",
            };
            let message = format!("`{}` is counted in {wanted}, not in `{given}`", plain(field));
            let help = if given == "%" && unit == Unit::Plain { format!("`{}`", value / 100.0) } else { field.doc.trim().to_owned() };
            return self.fail(Diagnostic::error(Code::UNIT, message).at(span, "wrong unit").help(help));
        };
        // 95 · 0.01 is a little more than 0.95.
        let value = if given == Some("%") { value / 100.0 } else { value * factor };
        // 16.1 · 1000 is a little more than 16,100.
        let value = if (value - value.round()).abs() <= 1e-9 * value.abs() { value.round() } else { value };
        if share && value >= 1.0 {
            let message = format!("`{}` is less than 100 %", plain(field));
            return self.fail(Diagnostic::error(Code::RANGE, message).at(span, "all steps or more").help(field.doc.trim()));
        }
        if unit == Unit::Steps && (given.is_some() || value >= 1.0) && !share && value.fract() != 0.0 {
            let message = format!("`{}` is a whole number of steps, or a share of them", plain(field));
            return self.fail(Diagnostic::error(Code::RANGE, message).at(span, "part of a step").help(field.doc.trim()));
        }
        if !(low..=high).contains(&value) || (whole && value.fract() != 0.0) {
            let wanted = match (whole, high < 9.0e15) {
                (true, _) if value > high => format!("a whole number, at most {high:.0}"),
                (true, _) => format!("a whole number, at least {low}"),
                (false, true) => format!("between {low} and {high}"),
                (false, false) => format!("at least {low}"),
            };
            let message = format!("`{}` is {wanted}", plain(field));
            let help = match unit {
                Unit::Share if given.is_none() && value > 1.0 && value <= 100.0 => format!("`{value}%`"),
                _ => field.doc.trim().to_owned(),
            };
            return self.fail(Diagnostic::error(Code::RANGE, message).at(span, format!("this is {value}")).help(help));
        }
        let value = if whole { Value::from(value as u64) } else { Value::from(value) };
        Some(Val::Plain(value, span))
    }
}

pub(super) fn join(path: &[Name]) -> String {
    path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".")
}

pub(super) fn path_of(expr: &Expr) -> Option<&Vec<Name>> {
    match &expr.kind {
        ExprKind::Path(path) => Some(path),
        _ => None,
    }
}

/// A number as written, with its sign and unit.
pub(super) fn number(expr: &Expr) -> Option<(f64, Option<&str>)> {
    match &expr.kind {
        ExprKind::Number { value, unit } => Some((*value, unit.as_deref())),
        ExprKind::Neg(inner) => number(inner).map(|(value, unit)| (-value, unit)),
        _ => None,
    }
}

/// What one of `given` is worth in `unit`; `None` where it does not measure the same thing.
pub(super) fn factor(unit: Unit, given: Option<&str>) -> Option<f64> {
    let thousands = |given| match given {
        "K" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        _ => None,
    };
    match (unit, given) {
        (_, None) => Some(1.0),
        (Unit::Share | Unit::Steps, Some("%")) => Some(0.01),
        (Unit::Plain | Unit::Steps, Some(given @ ("K" | "M" | "G"))) => thousands(given),
        (Unit::Plain, Some("KiB")) => Some(1024.0),
        (Unit::Plain, Some("MiB")) => Some(1024.0 * 1024.0),
        (Unit::Plain, Some("GiB")) => Some(1024.0 * 1024.0 * 1024.0),
        (Unit::Steps, Some("steps")) | (Unit::Epochs, Some("epochs")) | (Unit::Generations, Some("generations")) => Some(1.0),
        (Unit::Seconds, Some("ms")) => Some(1e-3),
        (Unit::Seconds, Some("s")) => Some(1.0),
        (Unit::Seconds, Some("min")) => Some(60.0),
        (Unit::Seconds, Some("h")) => Some(3600.0),
        _ => None,
    }
}

/// A count and its verb: `1 is`, `2 are`.
pub(super) fn were(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}
