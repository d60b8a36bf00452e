//! How weights are trained: pre-training and fine-tuning.

use super::schema::{choice, record};

record! {
    /// How weights are trained, by masked-LM (`steps`) or on a task (`epochs`).
    pub struct Train: "train" {
        /// What is learnt.
        objective: Objective = OneOf(Objective::variants);
        /// Optimiser steps of masked-LM pre-training; 0 where epochs count.
        steps: u64 = Int(Steps, 0), "0";
        /// Passes over a task's training data; 0 where steps count.
        epochs: u64 = Int(Epochs, 0), "0";
        /// Sentences a step.
        batch: usize = Int(Plain, 1), "32";
        /// Parts that a batch is carried out in, one after the other: less memory, the same step but for rounding.
        accumulate: usize = Int(Plain, 1), "1";
        /// Whether activations are computed anew on the way back, not kept: a sixth to a third more time, less memory, the same bytes.
        recompute: bool = Bool, "false";
        /// The order of a task's sentences within an epoch.
        order: Order = OneOf(Order::variants), r#""shuffled""#;
        /// Which epoch's weights a fine-tuning gives.
        keep: Epoch = OneOf(Epoch::variants), r#""last""#;
        /// Epochs without a better score after which a fine-tuning ends; 0: it never ends early.
        patience: u64 = Int(Epochs, 0), "0";
        /// Learning rates to choose from, for each seed by its score on the data that selects; empty: the optimizer's own.
        lr: Vec<f64> = List(&Real(Plain, 0.0, 10.0)), "[]";
        /// Lengths over the course of pre-training, as shares of the steps; empty: the model's length throughout.
        phases: Vec<Phase> = List(&OneOf(Phase::variants)), "[]";
        /// The optimiser.
        optimizer: Optimizer = OneOf(Optimizer::variants), r#"{"adamw":{"lr":0.0001,"betas":[0.9,0.999],"eps":1e-6,"weight_decay":0.01,"clip":1.0}}"#;
        /// The learning rate over the course of training.
        schedule: Schedule = OneOf(Schedule::variants), r#"{"linear":{"warmup":0.1,"to":0.0}}"#;
        /// The arithmetic.
        precision: Precision = OneOf(Precision::variants), r#""f32""#;
    }
}

choice! {
    /// What training learns.
    pub enum Objective {
        /// Masked-LM: predict the tokens that were hidden, as BERT does.
        Mlm = "mlm" {
            /// Share of the tokens to predict.
            mask: f64 = Real(Share, 0.0, 1.0), "0.15";
            /// Share of those replaced by `[MASK]`.
            replace: f64 = Real(Share, 0.0, 1.0), "0.8";
            /// Share of those replaced by a random token.
            random: f64 = Real(Share, 0.0, 1.0), "0.1";
            /// Whether the pieces of a word are hidden together.
            whole_word: bool = Bool, "false";
        };
        /// The labels of a task.
        Labels = "labels";
    }
}

choice! {
    /// The order of sentences within an epoch.
    pub enum Order {
        /// At random.
        Shuffled = "shuffled";
        /// Like lengths together, so that little is padding: 50 batches' worth at random, sorted and cut, and the batches at random.
        ByLength = "by_length";
    }
}

choice! {
    /// An epoch of fine-tuning.
    pub enum Epoch {
        /// The last.
        Last = "last";
        /// The first of those with the best score on the data that judges: dev, or the hold-out of a search.
        Best = "best";
    }
}

choice! {
    /// A part of pre-training at one length.
    pub enum Phase {
        /// A share of the steps at a length.
        Phase = "phase" {
            /// Share of the steps.
            share: f64 = Real(Share, 0.0, 1.0);
            /// Tokens a sentence.
            length: usize = Int(Plain, 4);
        };
    }
}

choice! {
    /// The optimiser.
    pub enum Optimizer {
        /// Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and norms do not decay.
        Adamw = "adamw" {
            /// Learning rate.
            lr: f64 = Real(Plain, 0.0, 10.0), "0.0001";
            /// Decay of the two moments.
            betas: Vec<f64> = List(&Real(Plain, 0.0, 1.0)), "[0.9,0.999]";
            /// Added to the root of the second moment.
            eps: f64 = Real(Plain, 0.0, 1.0), "1e-6";
            /// Weight decay.
            weight_decay: f64 = Real(Plain, 0.0, 10.0), "0.01";
            /// Largest norm of the whole gradient; 0 for none.
            clip: f64 = Real(Plain, 0.0, 1e9), "1.0";
        };
    }
}

choice! {
    /// The learning rate over the course of training.
    pub enum Schedule {
        /// Up from 0 over the warm-up, then in a straight line to `to` times the rate.
        Linear = "linear" {
            /// Warm-up: steps, or a share of all steps where it is below 1.
            warmup: f64 = Real(Steps, 0.0, 1e12), "0.1";
            /// What is left of the rate at the end.
            to: f64 = Real(Plain, 0.0, 1.0), "0.0";
        };
        /// Up from 0 over the warm-up, then half a cosine down to `to` times the rate.
        Cosine = "cosine" {
            /// Warm-up: steps, or a share of all steps where it is below 1.
            warmup: f64 = Real(Steps, 0.0, 1e12), "0.1";
            /// What is left of the rate at the end.
            to: f64 = Real(Plain, 0.0, 1.0), "0.0";
        };
        /// The same throughout.
        Constant = "constant";
    }
}

choice! {
    /// The arithmetic of training.
    pub enum Precision {
        /// 32-bit floats.
        F32 = "f32";
        /// bfloat16 with 32-bit masters, on CUDA.
        Bf16 = "bf16";
    }
}
