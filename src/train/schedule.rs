//! The learning rate over the course of training.

use crate::settings::Schedule;

/// The share of the learning rate at `step` (from 0) of `total`.
///
/// The first step of a warm-up of `w` steps has the share 1 / w, so that no step is lost; the last step of training comes one
/// step before the end value.
pub fn rate(schedule: &Schedule, step: u64, total: u64) -> f64 {
    let (warmup, to, cosine) = match schedule {
        Schedule::Constant => return 1.0,
        Schedule::Linear { warmup, to } => (*warmup, *to, false),
        Schedule::Cosine { warmup, to } => (*warmup, *to, true),
    };
    let warmup = if warmup < 1.0 { (warmup * total as f64).round() } else { warmup.min(total as f64) };
    let step = step as f64;
    if step < warmup {
        return (step + 1.0) / warmup;
    }
    let left = (1.0 - (step - warmup) / (total as f64 - warmup).max(1.0)).clamp(0.0, 1.0);
    let left = if cosine { (1.0 - (std::f64::consts::PI * left).cos()) / 2.0 } else { left };
    to + (1.0 - to) * left
}

#[cfg(test)]
mod tests {
    use super::rate;
    use crate::settings::Schedule;

    #[test]
    fn warms_up_then_falls_in_a_straight_line() {
        let linear = Schedule::Linear { warmup: 10.0, to: 0.0 };
        assert!((rate(&linear, 0, 110) - 0.1).abs() < 1e-12);
        assert!((rate(&linear, 9, 110) - 1.0).abs() < 1e-12);
        assert!((rate(&linear, 10, 110) - 1.0).abs() < 1e-12);
        assert!((rate(&linear, 60, 110) - 0.5).abs() < 1e-12);
        assert!((rate(&linear, 109, 110) - 0.01).abs() < 1e-12);
        let share = Schedule::Linear { warmup: 0.1, to: 0.5 };
        assert!((rate(&share, 4, 100) - 0.5).abs() < 1e-12);
        assert!((rate(&share, 55, 100) - 0.75).abs() < 1e-12);
        let cosine = Schedule::Cosine { warmup: 0.0, to: 0.0 };
        assert!((rate(&cosine, 50, 100) - 0.5).abs() < 1e-12);
    }
}
