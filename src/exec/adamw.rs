//! AdamW on the host, fused: one pass over each parameter, its gradient and its moments.

use super::native::vector::vectorised;
use super::{Array, Parameters};
use crate::diagnostic::{Code, Diagnostic, Result};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How parameters are updated.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamWSettings {
    /// The decay rates of the two moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// The share of a decaying parameter taken away at learning rate 1.
    pub weight_decay: f64,
    /// The names of the parameters that decay.
    pub decays: BTreeSet<String>,
    /// The largest norm of all gradients together; `None` for no limit.
    pub clip: Option<f64>,
}

/// The optimiser's state: both moments and each parameter's own number of steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdamW {
    /// Running means of the gradients.
    pub first: Parameters,
    /// Running means of their squares.
    pub second: Parameters,
    /// Updates each parameter has had.
    pub steps: BTreeMap<String, u64>,
}

/// Values that are updated at a time by one thread; sums are cut at the same places, whatever the threads.
const CHUNK: usize = 1 << 15;

/// Gradients beyond this would leave an infinite second moment behind, and a parameter that never moves again.
const LARGEST: f64 = 1e18;

impl AdamW {
    /// Updates the parameters that have a gradient, at learning rate `lr`; gives the gradients' norm before clipping.
    ///
    /// # Errors
    /// Where a gradient is not finite or too large (nothing is updated), or has no parameter of its shape.
    pub fn update(&mut self, settings: &AdamWSettings, lr: f64, parameters: &mut Parameters, gradients: &Parameters) -> Result<f64> {
        let gradients = gradients.0.iter().map(|(name, array)| (name.as_str(), array.data.as_slice())).collect();
        self.update_from(settings, lr, parameters, &gradients)
    }

    /// The same from gradients that stand elsewhere, by the names of their parameters.
    ///
    /// # Errors
    /// As above.
    pub fn update_from(
        &mut self,
        settings: &AdamWSettings,
        lr: f64,
        parameters: &mut Parameters,
        gradients: &BTreeMap<&str, &[f32]>,
    ) -> Result<f64> {
        let norm = norm(gradients.values().copied());
        if !norm.is_finite() {
            let worst = gradients.iter().find(|(_, gradient)| gradient.iter().any(|value| !value.is_finite()));
            let place = worst.map(|(name, _)| format!(", first in `{name}`")).unwrap_or_default();
            return Diagnostic::error(Code::DIVERGED, format!("the gradients are not finite{place}")).into();
        }
        // PyTorch's rule, with its guard against a division by zero.
        let factor = settings.clip.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0)) as f32;
        if norm * f64::from(factor) > LARGEST {
            let message = format!("the gradients have a norm of {norm:.1e}, whose square single precision does not hold");
            return Diagnostic::error(Code::DIVERGED, message).into();
        }
        let mut rules = Vec::with_capacity(gradients.len());
        for (name, gradient) in gradients {
            let Some(parameter) = parameters.0.get(*name).filter(|parameter| parameter.data.len() == gradient.len()) else {
                return Diagnostic::error(Code::EXECUTOR, format!("the gradient `{name}` has no parameter of its shape")).into();
            };
            if !self.steps.contains_key(*name) {
                let zeros = Array { shape: parameter.shape.clone(), data: vec![0.0; gradient.len()] };
                self.steps.insert((*name).to_owned(), 0);
                self.first.0.insert((*name).to_owned(), zeros.clone());
                self.second.0.insert((*name).to_owned(), zeros);
            }
            if let Some(steps) = self.steps.get_mut(*name) {
                *steps += 1;
                rules.push(Rule::new(settings, lr, *steps, settings.decays.contains(*name), factor));
            }
        }
        // All four maps are in the order of their names.
        let known = |(name, _): &(&String, &mut Array)| gradients.contains_key(name.as_str());
        let values = parameters.0.iter_mut().filter(known);
        let (first, second) = (self.first.0.iter_mut().filter(known), self.second.0.iter_mut().filter(known));
        let mut parts = Vec::new();
        for ((rule, gradient), (((_, value), (_, first)), (_, second))) in
            rules.iter().zip(gradients.values()).zip(values.zip(first).zip(second))
        {
            let chunks = value.data.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK));
            let moments = first.data.chunks_mut(CHUNK).zip(second.data.chunks_mut(CHUNK));
            parts.extend(chunks.zip(moments).map(|((value, gradient), (first, second))| (rule, value, gradient, first, second)));
        }
        parts.into_par_iter().for_each(|(rule, value, gradient, first, second)| rule.apply(value, gradient, first, second));
        Ok(norm)
    }
}

/// The norm of all gradients together.
pub fn norm<'a>(gradients: impl Iterator<Item = &'a [f32]>) -> f64 {
    let chunks: Vec<&[f32]> = gradients.flat_map(|gradient| gradient.chunks(CHUNK)).collect();
    let squares: Vec<f64> = chunks.into_par_iter().map(square_sum).collect();
    squares.iter().sum::<f64>().sqrt()
}

/// The sum of squares in eight lanes, which the compiler turns into vectors.
fn square_sum(values: &[f32]) -> f64 {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    vectorised!({
        for block in blocks {
            for (lane, value) in lanes.iter_mut().zip(block) {
                *lane += f64::from(*value) * f64::from(*value);
            }
        }
    });
    lanes.iter().sum::<f64>() + rest.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
}

/// The constants of one parameter's update.
struct Rule {
    factor: f32,
    betas: [f32; 2],
    keep: f32,
    rate: f32,
    root: f32,
    eps: f32,
}

impl Rule {
    fn new(settings: &AdamWSettings, lr: f64, step: u64, decays: bool, factor: f32) -> Self {
        let [beta1, beta2] = settings.betas;
        let power = |beta: f64| 1.0 - beta.powf(step as f64);
        Self {
            factor,
            betas: [beta1 as f32, beta2 as f32],
            keep: if decays { (1.0 - lr * settings.weight_decay) as f32 } else { 1.0 },
            rate: (lr / power(beta1)) as f32,
            root: (1.0 / power(beta2).sqrt()) as f32,
            eps: settings.eps as f32,
        }
    }

    fn apply(&self, parameter: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let [beta1, beta2] = self.betas;
        vectorised!({
            for (((parameter, gradient), first), second) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
                let gradient = gradient * self.factor;
                *first = beta1 * *first + (1.0 - beta1) * gradient;
                *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                *parameter = *parameter * self.keep - self.rate * *first / (second.sqrt() * self.root + self.eps);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{AdamW, AdamWSettings, norm};
    use crate::diagnostic::Code;
    use crate::exec::{Array, Parameters};

    fn one(name: &str, data: &[f32]) -> Parameters {
        Parameters([(name.to_owned(), Array { shape: vec![data.len()], data: data.to_vec() })].into())
    }

    fn settings(clip: Option<f64>) -> AdamWSettings {
        AdamWSettings { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1, decays: ["w".to_owned()].into(), clip }
    }

    #[test]
    fn the_first_step_goes_by_the_sign_and_decays() {
        let (mut optimizer, mut parameters) = (AdamW::default(), one("w", &[1.0, -2.0]));
        parameters.0.append(&mut one("b", &[1.0]).0);
        let mut gradients = one("w", &[0.5, -0.25]);
        gradients.0.append(&mut one("b", &[3.0]).0);
        optimizer.update(&settings(None), 0.01, &mut parameters, &gradients).unwrap();
        let near = |found: f32, wanted: f32| assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        near(parameters.0["w"].data[0], 1.0 * 0.999 - 0.01);
        near(parameters.0["w"].data[1], -2.0 * 0.999 + 0.01);
        near(parameters.0["b"].data[0], 0.99);
    }

    #[test]
    fn what_has_no_gradient_stays() {
        let (mut optimizer, mut parameters) = (AdamW::default(), one("w", &[1.0]));
        parameters.0.append(&mut one("other", &[1.0]).0);
        optimizer.update(&settings(None), 0.01, &mut parameters, &one("w", &[1.0])).unwrap();
        assert_eq!(parameters.0["other"].data, [1.0]);
        assert_eq!(optimizer.steps.len(), 1);
    }

    #[test]
    fn clipping_scales_all_gradients_alike() {
        let gradients = one("w", &[3.0, 4.0]);
        assert!((norm(gradients.0.values().map(|gradient| gradient.data.as_slice())) - 5.0).abs() < 1e-12);
        let (mut clipped, mut parameters) = (AdamW::default(), one("w", &[0.0, 0.0]));
        clipped.update(&settings(Some(1.0)), 0.01, &mut parameters, &gradients).unwrap();
        assert!((clipped.first.0["w"].data[0] - 0.06).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_finite_updates_nothing() {
        for (value, told) in [(f32::NAN, "`w`"), (1e19, "1.0e19")] {
            let (mut optimizer, mut parameters) = (AdamW::default(), one("w", &[1.0]));
            let error = optimizer.update(&settings(None), 0.01, &mut parameters, &one("w", &[value])).unwrap_err();
            assert_eq!(error.code, Code::DIVERGED);
            assert!(error.message.contains(told), "{}", error.message);
            assert_eq!(parameters, one("w", &[1.0]));
            assert_eq!(optimizer, AdamW::default());
        }
    }
}
