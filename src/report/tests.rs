use super::contents::Contents;
use super::{Drawing, explain, html, results_csv, table};
use crate::run::journal::{Candidate, Entry, FinalModel, Rescored, Scores, Start};
use crate::settings::{Goal, Measure};
use proptest::prelude::*;
use std::collections::BTreeSet;

const TASKS: [(&str, &str); 3] = [("order", "matthews"), ("kin", "accuracy"), ("overlap", "pearson")];
const OPERATIONS: [&str; 10] = ["neg", "transpose", "scale", "softmax", "logsigmoid", "softsign", "add", "matmul", "cosine", "euclidean"];
const HOSTILE: &str = "</style><script>alert(\"1\")</script>&'\u{1b}[31m\u{0},\n=1";

/// Scores around `level`, repeatable.
fn scores(level: f64, turn: usize) -> Scores {
    let wave = |index: usize| level + 0.04 * ((turn * 7 + index * 5) as f64).sin();
    let tasks: Vec<_> =
        TASKS.iter().enumerate().map(|(index, (task, metric))| ((*task).to_owned(), vec![((*metric).to_owned(), wave(index))])).collect();
    let score = tasks.iter().map(|(_, metrics)| metrics[0].1).sum::<f64>() / 3.0;
    Scores { tasks, score }
}

fn candidate(id: usize) -> Candidate {
    let generation = if id < 10 { 0 } else { (id - 10) / 5 + 1 };
    let failed = id == 7 || id == 18;
    Candidate {
        id,
        generation,
        hash: format!("{id:032x}"),
        parent: (generation > 0).then(|| (id * 5) % (5 + generation * 5)).map(|parent| if parent == 7 { 3 } else { parent }),
        mutation: if generation == 0 {
            vec![]
        } else {
            vec![format!("change_kernel layer {}: 9", id % 4 + 1), format!("replace_op layer 2: {}", OPERATIONS[id % 10])]
        },
        mutated: Vec::new(),
        architecture: crate::space::Compact::default(),
        layers: vec!["conv(kernel = 65)".to_owned(), "attention(softmax(scale(q @ -transpose(logsigmoid(-k)))) @ (q + k))".to_owned()],
        params: 3_900_000 + (id as u64 * 7919 * 37) % 900_000,
        flops: 210_000_000 + (id as u64 * 104_729) % 60_000_000,
        steps: 100,
        loss: (!failed).then_some(5.9 - 0.05 * generation as f64),
        scores: (!failed).then(|| scores(0.42 + 0.03 * generation as f64 + 0.04 * (id as f64 * 2.4).sin(), id)),
        failure: failed.then(|| "training diverged at step 14: the loss is not a number".to_owned()),
        seconds: 12.0,
        held_out_loss: None,
        values: Vec::new(),
        function: String::new(),
        same_as: (id == 21).then_some(4),
    }
    .scored()
}

impl Candidate {
    /// With its score as what is sought.
    fn scored(mut self) -> Self {
        self.values = self.scores.iter().map(|scores| scores.score).filter(|_| self.failure.is_none()).collect();
        self
    }
}

fn final_model(name: &str, seed: u64, level: f64, held_out_loss: f64) -> Entry {
    Entry::Final(trained(name, seed, level, held_out_loss))
}

fn trained(name: &str, seed: u64, level: f64, held_out_loss: f64) -> FinalModel {
    FinalModel {
        name: name.to_owned(),
        seed,
        hash: format!("{:032x}", if name == "best" { 29 } else { 1000 }),
        layers: vec![
            "conv(kernel = 65)".to_owned(),
            "attention(graph(q, k) { softmax(scale(q @ -transpose(logsigmoid(-k)))) @ (q + k) })".to_owned(),
            "conv(kernel = 9)".to_owned(),
            "attention(graph(q, k) { softmax(scale(q @ -transpose(logsigmoid(k)))) @ q })".to_owned(),
        ],
        params: 4_213_000,
        flops: 245_000_000,
        held_out_loss: Some(held_out_loss),
        scores: scores(level, (seed * 3) as usize + name.len()),
        seconds: 77.0,
    }
}

/// A finished run: 30 candidates in 5 generations, six final models.
fn journal(seeds: u64) -> Vec<Entry> {
    let mut entries = vec![
        Entry::Start(Start {
            experiment: "quickstart".to_owned(),
            fingerprint: "3f9a5bd2c1".to_owned(),
            seed: 42,
            version: "0.1.0".to_owned(),
            executor: "native".to_owned(),
            space_size: "18446744073709551616000".to_owned(),
            objectives: Vec::new(),
        }),
        Entry::Corpus { train_tokens: 712_345, held_out_tokens: 37_211, vocabulary: 4096, unigram_entropy: 6.1234 },
        Entry::Baseline { name: "majority".to_owned(), scores: scores(0.30, 0) },
        Entry::Baseline { name: "bag_of_words".to_owned(), scores: scores(0.48, 1) },
        Entry::Warmup { steps: 300, loss: 6.02, seconds: 95.4 },
    ];
    for generation in 0..5 {
        if generation > 0 {
            let wish = |index: usize| (1.0 + 0.25 * generation as f64 * (index as f64 * 1.7).sin()).exp();
            let sum: f64 = (0..10).map(wish).sum();
            let operations = OPERATIONS
                .iter()
                .enumerate()
                .map(|(index, op)| ((*op).to_owned(), (index as f64 * 1.7).sin(), 40.0 + index as f64, wish(index) / sum))
                .collect();
            entries.push(Entry::Priority { generation, operations, says_nothing: generation == 1 });
        }
        let born: Vec<Candidate> = (0..30).map(candidate).filter(|candidate| candidate.generation == generation).collect();
        entries.extend(born.into_iter().map(Entry::Candidate));
        for candidate in (0..3).filter(|_| generation > 0) {
            let values = vec![0.4 + 0.01 * (generation + candidate) as f64];
            entries.push(Entry::Rescored(Rescored { generation, candidate, parent: false, values, seconds: 1.0 }));
        }
        entries.push(Entry::Generation { generation, best: 0.5, best_id: 3, seconds: 1.0 });
    }
    for (index, name) in ["best", "bert.first(4)", "autobert_zero.first(4)", "random 1", "random 2", "random 3"].into_iter().enumerate() {
        entries.extend((0..seeds).map(|seed| final_model(name, seed, 0.61 - 0.04 * index as f64, 4.9 + 0.26 * index as f64)));
    }
    entries.push(Entry::Finished { evaluations: 30, seconds: 4321.0 });
    entries
}

fn drawing() -> Drawing {
    let svg = "<?xml version=\"1.0\"?><svg width=\"220\" height=\"120\" viewBox=\"0 0 220 120\" xmlns=\"http://www.w3.org/2000/svg\" \
               xmlns:xlink=\"http://www.w3.org/1999/xlink\"><defs><marker id=\"end\" markerWidth=\"9\" markerHeight=\"7\" refX=\"9\" refY=\"3.5\" orient=\"auto\">\
               <polygon points=\"0 0, 9 3.5, 0 7\"/></marker></defs><rect x=\"10\" y=\"30\" width=\"60\" height=\"40\" fill=\"none\" stroke=\"black\"/>\
               <text x=\"40\" y=\"54\" text-anchor=\"middle\">matmul</text><line x1=\"70\" y1=\"50\" x2=\"140\" y2=\"50\" stroke=\"black\" marker-end=\"url(#end)\"/></svg>\n";
    Drawing {
        title: "layer 2, attention".to_owned(),
        svg: svg.to_owned(),
        formula: "softmax(scale(q @ -transpose(logsigmoid(-k)))) @ (q + k)".to_owned(),
    }
}

/// Elements that have no end tag.
const VOID: [&str; 4] = ["meta", "link", "br", "!doctype"];

/// The mistake of a page whose tags do not pair, whose attributes lack a quote, or whose ids repeat.
fn mistake(page: &str) -> Option<String> {
    let (mut open, mut ids) = (Vec::new(), BTreeSet::new());
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((tag, after)) = after.split_once('>') else { return Some(format!("a tag does not end: {after:.40}")) };
        if tag.contains('<') || tag.matches('"').count() % 2 == 1 {
            return Some(format!("a tag is broken: {tag}"));
        }
        let id = tag.split_once(" id=\"").and_then(|(_, id)| id.split('"').next());
        if id.is_some_and(|id| !ids.insert(id.to_owned())) {
            return Some(format!("an id is given twice: {tag}"));
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default().to_owned();
        if tag.starts_with('/') {
            if open.pop().as_ref() != Some(&name) {
                return Some(format!("</{name}> closes nothing"));
            }
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
        // What stands in a style sheet is no tag.
        rest = if tag == "style" { after.split_at(after.find("</style>").unwrap_or(0)).1 } else { after };
    }
    open.pop().map(|name| format!("<{name}> is not closed"))
}

fn page(entries: &[Entry]) -> String {
    let page = html(entries, "experiment quickstart { seed = 42 }", &[drawing(), drawing()]).unwrap();
    assert_eq!(mistake(&page), None);
    page
}

#[test]
fn the_csv_is_exact() {
    let scores = |order: f64, score: f64| Scores {
        tasks: vec![("order".to_owned(), vec![("matthews".to_owned(), order), ("accuracy".to_owned(), 0.5)])],
        score,
    };
    let run = |name: &str, seed, held_out_loss, scores| Entry::Final(FinalModel { scores, ..trained(name, seed, 0.5, held_out_loss) });
    let entries = [
        Entry::Baseline { name: "majority".to_owned(), scores: scores(0.0, 0.25) },
        Entry::Baseline {
            name: "bag_of_words".to_owned(),
            scores: Scores { tasks: vec![("kin".to_owned(), vec![("f1".to_owned(), 1.0)])], score: 1.0 },
        },
        run("best", 1, 5.25, scores(-0.125, 0.1875)),
        run("say \"a, b\"", 0, f64::NAN, scores(f64::INFINITY, -1e-9)),
        run("best", 0, 5.0, scores(2.0 / 3.0, 0.5)),
    ];
    let expected = "model,seed,params,flops,held_out_loss,perplexity,order.matthews,order.accuracy,kin.f1,score\n\
                    best,0,4213000,245000000,5.000000,148.413159,0.666667,0.500000,,0.500000\n\
                    best,1,4213000,245000000,5.250000,190.566268,-0.125000,0.500000,,0.187500\n\
                    \"say \"\"a, b\"\"\",0,4213000,245000000,,,,0.500000,,0.000000\n\
                    majority,,,,,,0.000000,0.500000,,0.250000\n\
                    bag_of_words,,,,,,,,1.000000,1.000000\n";
    assert_eq!(results_csv(&entries), expected);
    assert_eq!(results_csv(&[]), "model,seed,params,flops,held_out_loss,perplexity,score\n");
}

/// The smallest loss is the best, and of two objectives the front is drawn.
#[test]
fn what_is_sought_rules_the_report() {
    let objectives = vec![Goal::Minimize { of: Measure::Loss }, Goal::Minimize { of: Measure::Params }];
    let entries: Vec<Entry> = journal(1)
        .into_iter()
        .map(|entry| match entry {
            Entry::Start(start) => Entry::Start(Start { objectives: objectives.clone(), ..start }),
            Entry::Candidate(candidate) if candidate.failure.is_none() => {
                let loss = 5.0 + 0.01 * ((candidate.id * 11) % 30) as f64;
                Entry::Candidate(Candidate { values: vec![-loss, -(candidate.params as f64)], held_out_loss: Some(loss), ..candidate })
            }
            other => other,
        })
        .collect();
    let page = html(&entries, "", &[]).unwrap();
    assert_eq!(mistake(&page), None);
    for said in [
        "found its best masked-LM loss on held-out text, <b>5.000</b>, with candidate 0",
        "<b>Front.</b>",
        "1 of 30 candidates (3 %) compute what an earlier one did",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!html(&journal(1), "", &[]).unwrap().contains("<b>Front.</b>"));

    // Who has a ring is beaten by nobody, and everybody else by someone.
    let drawn = page.split("<b>Front.</b>").next().and_then(|before| before.rsplit("<svg").next()).unwrap();
    let ringed = |id: usize| {
        let dot = drawn.split(&format!("candidate {id}<")).nth(1).unwrap();
        dot.split("<title>").next().unwrap().contains("class=\"ring\"")
    };
    let known = entries.iter().filter_map(|entry| if let Entry::Candidate(one) = entry { Some(one) } else { None });
    let known: Vec<&Candidate> = known.filter(|one| one.failure.is_none()).collect();
    let beats = |one: &Candidate, other: &Candidate| {
        let mut pairs = one.values.iter().zip(&other.values);
        one.values != other.values && pairs.all(|(one, other)| one >= other)
    };
    let mut rings = 0;
    for one in &known {
        assert_eq!(ringed(one.id), !known.iter().any(|other| beats(other, one)), "candidate {}", one.id);
        rings += usize::from(ringed(one.id));
    }
    assert!((1..known.len()).contains(&rings), "{rings}");
}

#[test]
fn a_candidate_is_explained() {
    let entries = journal(1);
    let wanted = |which: &str| explain(&entries, which).unwrap();
    let one = wanted("21");
    let parent = one.candidate.parent.unwrap();
    assert_eq!((one.of, one.lineage[0].id, one.candidate.same_as), (30, parent, Some(4)));
    assert!(one.lineage.iter().zip(one.lineage.iter().skip(1)).all(|(near, far)| near.id > far.id));
    assert_eq!(one.priorities.len(), 10);
    assert!(one.priorities.is_sorted_by(|more, less| more.1 >= less.1));
    let told = one.told();
    for said in [
        "candidate 21 of 30, generation 3",
        "layer 1    conv(kernel = 65)",
        "made from  candidate",
        "priorities ",
        "; place ",
        "lineage    21 ← ",
        "computes   what candidate 4 does",
    ] {
        assert!(told.contains(said), "{said} in {told}");
    }
    assert_eq!(wanted("00000000000000000000000000000015"), wanted("21"));
    assert!(wanted("18").told().contains("failed     training diverged at step 14"));
    assert!(wanted("3").told().contains("made       anew"));
    for (wrong, said) in [
        ("99", "no candidate 99: there are 30 candidates, numbered from 0 to 29"),
        ("000000000", "30 hashes begin"),
        ("x", "no candidate has"),
    ] {
        assert!(explain(&entries, wrong).unwrap_err().message.contains(said), "{wrong}");
    }
    let page = html(&entries, "", &[]).unwrap();
    assert!(page.contains("<b>Lineage.</b>") && page.contains("<b>Drift.</b> 3 anchors"));
}

#[test]
fn the_csv_holds_no_times() {
    let slower = |entry: &Entry| match entry.clone() {
        Entry::Candidate(candidate) => Entry::Candidate(Candidate { seconds: 99.0, ..candidate }),
        Entry::Final(model) => Entry::Final(FinalModel { seconds: 99.0, ..model }),
        Entry::Warmup { steps, loss, .. } => Entry::Warmup { steps, loss, seconds: 99.0 },
        Entry::Finished { evaluations, .. } => Entry::Finished { evaluations, seconds: 99.0 },
        other => other,
    };
    let entries = journal(2);
    let slow: Vec<Entry> = entries.iter().map(slower).collect();
    assert_ne!(entries, slow);
    assert_eq!(results_csv(&entries), results_csv(&slow));
    assert_eq!(table(&entries), table(&slow));
}

#[test]
fn the_page_is_whole_and_needs_no_network() {
    let page = page(&journal(3));
    for absent in ["http", "<script", "url(#end)", "@import", "NaN", "GLUE", "xmlns", "<?xml"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for present in [
        "Search curve.",
        "Population.",
        "Operation priorities.",
        "6.123",
        "bag of words",
        "generation 1 (shaded)",
        "url(#d1-end)",
        "1.84 × 10²²",
        "training diverged at step 14",
        "Candidate 29 of the search",
    ] {
        assert!(page.contains(present), "{present}");
    }
    OPERATIONS.iter().for_each(|operation| assert!(page.contains(&format!(" {operation}</text>"))));
}

#[test]
fn running_and_empty_journals_say_so() {
    let entries = journal(1);
    assert!(!page(&entries).contains("unfinished"));
    // A prefix of a journal is what a running run has written.
    for length in 0..entries.len() {
        let page = page(&entries[..length]);
        assert!(page.contains("This run is unfinished."));
        assert!(table(&entries[..length]).contains("The run is unfinished."));
    }
    let empty = html(&[], "", &[]).unwrap();
    for said in [
        "No final model has been trained and no baseline scored yet.",
        "No candidate has been evaluated yet.",
        "No priorities have been recorded yet.",
        "There are no drawn graphs.",
    ] {
        assert!(empty.contains(said), "{said}");
    }
}

#[test]
fn nobody_wins_with_fewer_than_three_seeds() {
    for (seeds, said) in [
        (1, "with 1 seed no winner is named"),
        (2, "with 2 seeds no winner is named"),
        (3, "the highest mean score over 3 seeds is that of “best”"),
    ] {
        assert!(table(&journal(seeds)).contains(said), "{said}");
        assert!(page(&journal(seeds)).contains(said), "{said}");
    }
    let level = |name: &str, level: f64| (0..3).map(|seed| final_model(name, seed, level, 5.0)).collect::<Vec<_>>();
    let close = [level("a1", 0.5), level("b1", 0.5001)].concat();
    assert!(table(&close).contains("by no more than the spread over seeds, so no winner is named"));
    let alone = [level("a1", 0.5), vec![Entry::Finished { evaluations: 0, seconds: 1.0 }]].concat();
    assert!(table(&alone).contains("1 model: there is no other model to compare it with."));
    // A model that has not had all its seeds yet holds the comparison back.
    let partly = [level("a1", 0.5), level("b1", 0.4), vec![final_model("c1", 0, 0.9, 5.0)]].concat();
    assert!(table(&partly).contains("with 1 seed no winner is named"));
}

#[test]
fn what_came_to_nothing_is_said() {
    let same = "All candidates have the same score on the hold-out, so the search chose by chance";
    let nothing = "No model has a held-out loss below the unigram entropy";
    let sound = journal(1);
    let mut vain: Vec<Entry> = sound.iter().filter(|entry| !matches!(entry, Entry::Final(_))).cloned().collect();
    for entry in &mut vain {
        if let Entry::Candidate(candidate) = entry {
            candidate.values.fill(0.25);
        }
    }
    vain.push(final_model("best", 0, 0.5, 6.2));
    for said in [same, nothing] {
        assert!(table(&vain).contains(said), "{said}");
        assert!(page(&vain).contains(said), "{said}");
        assert!(!table(&sound).contains(said) && !page(&sound).contains(said), "{said}");
    }
}

#[test]
fn the_terminal_table_is_aligned_and_narrow() {
    let text = table(&journal(3));
    assert!(text.lines().all(|line| line.chars().count() <= 100 || line.starts_with("6 models")), "{text}");
    assert!(text.contains("Unigram entropy of the held-out text: 6.123 nats"));
    let one = table(&journal(1));
    let widths: Vec<usize> = one.lines().skip(3).take(9).map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| Some(width) == widths.first()), "{one}");
    let hostile: Vec<Entry> = [final_model(HOSTILE, 0, 0.5, f64::NAN)].into();
    assert!(table(&hostile).chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn hostile_names_stay_text() {
    let mut hostile = journal(2);
    for entry in &mut hostile {
        let rename = |scores: &mut Scores| {
            scores.tasks.iter_mut().for_each(|(task, metrics)| {
                task.push_str(HOSTILE);
                metrics.iter_mut().for_each(|(metric, _)| metric.push_str(HOSTILE));
            })
        };
        match entry {
            Entry::Start(Start { experiment, fingerprint, version, executor, space_size, .. }) => {
                [experiment, fingerprint, version, executor, space_size].into_iter().for_each(|field| *field = HOSTILE.to_owned())
            }
            Entry::Baseline { name, scores } => {
                name.push_str(HOSTILE);
                rename(scores);
            }
            Entry::Priority { operations, .. } => operations.iter_mut().for_each(|operation| operation.0.insert_str(0, HOSTILE)),
            Entry::Candidate(candidate) => {
                candidate.mutation.push(HOSTILE.to_owned());
                candidate.layers.push(HOSTILE.to_owned());
                candidate.failure = candidate.failure.as_ref().map(|_| HOSTILE.to_owned());
                candidate.scores.iter_mut().for_each(rename);
            }
            Entry::Final(model) => {
                model.name.push_str(HOSTILE);
                model.layers.push(HOSTILE.to_owned());
                rename(&mut model.scores);
            }
            _ => {}
        }
    }
    let drawing = Drawing { title: HOSTILE.to_owned(), formula: HOSTILE.to_owned(), ..drawing() };
    let page = html(&hostile, HOSTILE, &[drawing]).unwrap();
    assert_eq!(mistake(&page), None);
    assert!(!page.contains("<script") && page.matches("</style>").count() == 1 && !page.contains(['\u{1b}', '\u{0}']));
}

#[test]
fn a_drawing_is_one_svg_without_scripts() {
    let svg = |svg: &str| html(&[], "", &[Drawing { svg: svg.to_owned(), ..drawing() }]);
    let large = Drawing { formula: String::new(), ..drawing() };
    let large = html(&[], "", &[drawing(), large]).unwrap();
    assert!(large.matches("class=\"drawing\" open").count() == 1 && mistake(&large).is_none());
    assert!(svg("<svg><text>a xmlns=b, xmlns \"c\"</text></svg>").unwrap().contains("a xmlns=b, xmlns \"c\"</text>"));
    for refused in ["", "text", "<svg>", "<svg></svg><svg></svg>", "<svg><SCRIPT>1</SCRIPT></svg>", "<svg></svg><p>"] {
        assert_eq!(svg(refused).unwrap_err().code, crate::diagnostic::Code::INTERNAL, "{refused}");
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0), Just(f64::MIN_POSITIVE), -1e9..1e9, -1.0..1.0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever numbers a journal holds, the page is well-formed and every coordinate a number.
    #[test]
    fn any_numbers_give_a_whole_page(values in prop::collection::vec(any_number(), 12), params in any::<u64>(), ids in prop::collection::vec(0..usize::MAX / 2, 3)) {
        let mut entries = vec![Entry::Corpus { train_tokens: 0, held_out_tokens: 0, vocabulary: 0, unigram_entropy: values[0] }];
        let odd = |level: f64| Scores { tasks: vec![("t".to_owned(), vec![("m".to_owned(), level)])], score: level };
        entries.push(Entry::Baseline { name: "majority".to_owned(), scores: odd(values[1]) });
        for (index, id) in ids.into_iter().enumerate() {
            entries.push(Entry::Candidate(Candidate { id, generation: id % 1000, parent: None, params, scores: Some(odd(values[index + 2])), loss: Some(values[5]), ..candidate(index) }));
        }
        let operations = vec![("a".to_owned(), values[6], values[7], values[8]), ("b".to_owned(), 0.0, 0.0, values[9])];
        entries.push(Entry::Priority { generation: 3, operations, says_nothing: false });
        entries.push(final_model("best", 0, values[10], values[11]));
        let page = html(&entries, "", &[]).unwrap();
        prop_assert_eq!(mistake(&page), None);
        prop_assert!(!page.contains("NaN") && !page.contains("inf\""), "{}", page);
        let width = results_csv(&entries).lines().map(|line| line.split(',').count()).collect::<BTreeSet<_>>();
        prop_assert_eq!(width.len(), 1);
        table(&entries);
    }
}

#[test]
fn long_numbers_beside_the_axis_have_room() {
    let plot = |high: f64| super::plot::Plot::new(360.0, 240.0, 10.0, (0.0, 1.0), (0.0, high));
    // `0.00000008`: ten digits, and what is between them and the axis.
    assert!(plot(1e-7).px(0.0) > 10.0 * 6.5 + 7.0);
    assert_eq!(plot(0.25).px(0.0), 48.0);
    assert!(plot(1e50).px(0.0) < 180.0);
}

/// A parent that was scored again has its last values wherever candidates are compared; an anchor keeps its first.
#[test]
fn parents_are_ranked_by_the_values_they_were_last_given() {
    let mut entries = journal(1);
    let best = |entries: &[Entry]| Contents::new(entries).best().map(|(candidate, value)| (candidate.id, value)).unwrap();
    let (first, value) = best(&entries);
    let again =
        |parent: bool, value: f64| Entry::Rescored(Rescored { generation: 5, candidate: first, parent, values: vec![value], seconds: 1.0 });
    entries.push(again(false, 0.0));
    assert_eq!(best(&entries), (first, value));
    entries.push(again(true, 0.0));
    assert_ne!(best(&entries).0, first);
    entries.push(again(true, 2.0));
    assert_eq!(best(&entries), (first, 2.0));
}
