//! How many members meet a space's conditions, told before anything is spent.

use super::session::models;
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Initial;
use crate::space::{Architecture, Condition, Draw, Order, Quantity, Require, extremes};
use crate::stream::stream;

/// Members drawn to tell the share that meets the conditions.
const DRAWN: usize = 200;
/// Members drawn before it is said that none does.
const MOST: usize = 2_000;

/// The share of members, drawn as an initial population is, that meet the space's conditions; `None` where it has none.
///
/// # Errors
/// Where no member that meets them is found: which condition is in the way, and what would mend it.
pub fn acceptance(checked: &Checked) -> Result<Option<f64>> {
    let (space, models) = (&checked.space, models(checked));
    if space.requires.is_empty() {
        return Ok(None);
    }
    let mut draws = stream(checked.settings.seed, "acceptance", 0);
    let initial = checked.settings.search.as_ref().map(|search| &search.initial);
    let draw = if initial == Some(&Initial::Uniform) { Draw::Uniform } else { Draw::BySize };
    let (mut met, mut in_the_way) = (0, vec![0; space.requires.len()]);
    for number in 1..=MOST {
        let Some(architecture) = space.sample(draw, &mut draws) else { break };
        match models.unmet(space, &architecture)? {
            None => met += 1,
            Some(require) => {
                let place = space.requires.iter().position(|known| known == require);
                if let Some(count) = place.and_then(|place| in_the_way.get_mut(place)) {
                    *count += 1;
                }
            }
        }
        if number >= DRAWN && met > 0 {
            return Ok(Some(f64::from(met) / number as f64));
        }
    }
    let worst = in_the_way.iter().zip(&space.requires).max_by_key(|(count, _)| **count);
    let Some((_, require)) = worst else { return Ok(None) };
    let cost = |quantity: Quantity, architecture: &Architecture| match quantity {
        Quantity::Params => models.cost(space, architecture).ok().map(|cost| quantity.of(cost)),
        Quantity::Flops(tokens) => models.cost_at(space, architecture, tokens).ok().map(|cost| quantity.of(cost)),
    };
    Err(Box::new(unsatisfied(checked, require, &cost)))
}

fn unsatisfied(checked: &Checked, require: &Require, cost: &dyn Fn(Quantity, &Architecture) -> Option<f64>) -> Diagnostic {
    let (space, text) = (&checked.space, &require.text);
    let message = format!("no architecture of `{}` was found that meets `require {text}`", space.name);
    let found = Diagnostic::error(Code::EMPTY_SPACE, message).at(require.span, format!("none of {MOST} drawn meets it"));
    let Condition::Cost { quantity, order, bound } = &require.condition else {
        return found.help(
            "give its `dag` an operation that joins what stands along that axis, as `matmul` and `softmax` do, or more room in `size`",
        );
    };
    let Some([(_, low), (_, high)]) = extremes(space, checked.settings.seed, &|architecture| cost(*quantity, architecture)) else {
        return found.help("take the line out, or move its bound");
    };
    let whole = |value: f64| format!("{value:.0}");
    match order {
        Order::AtMost | Order::Less if low > *bound => {
            found.help(format!("the smallest has {}; raise the bound to that at least", whole(low)))
        }
        Order::AtLeast | Order::Greater if high < *bound => {
            found.help(format!("the largest has {}; lower the bound to that at most", whole(high)))
        }
        _ => found.help(format!("they lie between {} and {}; is another `require` in the way?", whole(low), whole(high))),
    }
}
