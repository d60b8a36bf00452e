//! What the children of a generation give back to the supernet.

use crate::diagnostic::Result;
use crate::exec::parameters::{centre, place_centre};
use crate::exec::{Array, ParameterSpec, Parameters};

/// For each tensor `W ← (1 − β) W + β · mean over the children that used it`, element by element: where a child used only the centre
/// slice of a kernel, only that slice is its share. Children come in candidate order, so sums have a fixed order.
///
/// # Errors
/// Where a child's parameter does not fit the supernet's.
pub fn commit(supernet: &mut Parameters, children: &[(Vec<ParameterSpec>, Parameters)], beta: f32) -> Result<()> {
    for (name, shared) in &mut supernet.0 {
        let mut sum = vec![0.0f32; shared.data.len()];
        let mut count = vec![0.0f32; shared.data.len()];
        for (specs, weights) in children {
            let (Some(spec), Some(array)) = (specs.iter().find(|spec| spec.name == *name), weights.0.get(name)) else { continue };
            // Checks the fit; the slice itself is not wanted.
            centre(shared, spec)?;
            let used = Array { shape: array.shape.clone(), data: vec![1.0; array.data.len()] };
            let (values, used) = (place_centre(array.clone(), &shared.shape, spec), place_centre(used, &shared.shape, spec));
            for ((sum, count), (value, used)) in sum.iter_mut().zip(&mut count).zip(values.data.iter().zip(&used.data)) {
                *sum += value;
                *count += used;
            }
        }
        for (weight, (sum, count)) in shared.data.iter_mut().zip(sum.iter().zip(&count)) {
            if *count > 0.0 {
                *weight = (1.0 - beta) * *weight + beta * sum / count;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::commit;
    use crate::exec::{Array, ParameterSpec, Parameters};
    use crate::graph::weights::Init;
    use std::collections::BTreeMap;

    fn one(name: &str, shape: &[usize], data: &[f32]) -> Parameters {
        Parameters(BTreeMap::from([(name.to_owned(), Array { shape: shape.to_vec(), data: data.to_vec() })]))
    }

    fn spec(name: &str, shape: &[usize], centre: Option<usize>) -> Vec<ParameterSpec> {
        vec![ParameterSpec { name: name.to_owned(), shape: shape.to_vec(), init: Init::Normal, decays: true, centre }]
    }

    #[test]
    fn only_the_used_slice_moves() {
        let mut supernet = one("k", &[1, 5], &[1.0; 5]);
        let children = [
            (spec("k", &[1, 3], Some(1)), one("k", &[1, 3], &[3.0, 5.0, 7.0])),
            (spec("k", &[1, 5], Some(1)), one("k", &[1, 5], &[2.0, 5.0, 7.0, 9.0, 2.0])),
        ];
        commit(&mut supernet, &children, 0.5).unwrap();
        // Outer taps: 0.5·1 + 0.5·2; inner ones: 0.5·1 + 0.5·mean(3, 5), mean(5, 7), mean(7, 9).
        assert_eq!(supernet.0["k"].data, [1.5, 2.5, 3.5, 4.5, 1.5]);
    }

    #[test]
    fn what_no_child_used_stays() {
        let mut supernet = one("a", &[2], &[1.0, 2.0]);
        commit(&mut supernet, &[(spec("b", &[2], None), one("b", &[2], &[9.0, 9.0]))], 0.5).unwrap();
        assert_eq!(supernet.0["a"].data, [1.0, 2.0]);
    }
}
