//! Numbers and names in text: fixed decimals, units, plurals, and what must be escaped.

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// A number with fixed decimals, without a minus before zero; `None` where it is not finite.
pub(super) fn fixed(value: f64, decimals: usize) -> Option<String> {
    let text = format!("{value:.decimals$}");
    let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    value.is_finite().then(|| if zero { text.trim_start_matches('-').to_owned() } else { text })
}

/// A score, loss or probability as tables show it: three decimals.
pub(super) fn number(value: Option<f64>) -> String {
    value.and_then(|value| fixed(value, 3)).unwrap_or_else(|| NONE.to_owned())
}

/// A count with its digits in groups: `1,234,567`.
pub(super) fn grouped(count: impl ToString) -> String {
    let digits: Vec<char> = count.to_string().chars().collect();
    let groups: Vec<String> = digits.rchunks(3).rev().map(|group| group.iter().collect()).collect();
    groups.join(",")
}

/// A count to three digits with K, M, G or T: `4.13 M`.
pub(super) fn short(count: u64) -> String {
    let (divisor, unit) = unit(count as f64);
    let value = count as f64 / divisor;
    let decimals = if unit.is_empty() || value >= 100.0 { 0 } else { 2 - usize::from(value >= 10.0) };
    format!("{value:.decimals$}{}{unit}", if unit.is_empty() { "" } else { " " })
}

/// The unit that suits numbers up to `largest`, as a divisor and its letter.
pub(super) fn unit(largest: f64) -> (f64, &'static str) {
    // From 999.5 on, three digits would round up to a thousand of the unit.
    [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")].into_iter().find(|(divisor, _)| largest >= divisor * 0.9995).unwrap_or((1.0, ""))
}

/// Seconds in words: `3.2 s`, `5 min 3 s`, `2 h 7 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if !seconds.is_finite() => NONE.to_owned(),
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A count and its noun: `1 seed`, `2 seeds`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Items in a sentence: `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

/// Text without control characters, on one line, at most `most` characters long.
pub(super) fn plain(text: &str, most: usize) -> String {
    let clean: String = text.chars().take(most).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if text.chars().count() > most { clean.chars().take(most.saturating_sub(1)).chain(['…']).collect() } else { clean }
}

/// Text that means itself in HTML and SVG, in content and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}
