//! A side of the comparison, seen from the one who asks.

use super::Options;
use super::wire::Message;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::run::files::reason;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// PyTorch's side. It is part of the binary, so that the two always fit.
const SERVER: &str = include_str!("../../../tests/peers/step_server.py");

/// A Python that has torch.
#[derive(Clone, Debug)]
pub struct Peer(PathBuf);

/// The Python that PHYLA_PEER_PYTHON names, or that of `target/peers/venv`.
///
/// # Errors
/// How to get one, where there is none or it has no torch.
pub fn peer() -> Result<Peer> {
    let named = std::env::var_os("PHYLA_PEER_PYTHON").filter(|name| !name.is_empty()).map(PathBuf::from);
    let python = named.unwrap_or_else(|| Path::new("target/peers/venv/bin/python").to_owned());
    let found = Command::new(&python).args(["-c", "import torch; torch.__version__"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    let why = match found {
        Ok(status) if status.success() => return Ok(Peer(python)),
        Ok(_) => "it has no torch".to_owned(),
        Err(error) => reason(&error),
    };
    let message = format!("there is no PyTorch to compare with: `{}`: {why}", python.display());
    Diagnostic::error(Code::MISSING_FILE, message)
        .help("`sh tests/peers/setup.sh` makes target/peers/venv with it, or name a Python that has torch in PHYLA_PEER_PYTHON")
        .into()
}

/// Whether a process may be given real-time priority here (`chrt`), which keeps other work from slowing one side alone.
pub(super) fn real_time() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let tried = Command::new("chrt").args(["-r", "20", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

/// A process that answers.
pub(super) struct Side {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Side {
    /// Our side: this program once more.
    pub(super) fn ours(options: &Options) -> Result<Self> {
        let program = std::env::current_exe().map_err(|error| failed("our side", &reason(&error)))?;
        let mut command = command(&program);
        command.args(["bench", "--side", "--executor", &options.executor]);
        if options.recompute {
            command.arg("--recompute");
        }
        // Candle's products read it each time they run.
        command.env("RAYON_NUM_THREADS", options.threads.to_string());
        Self::start("our side", command)
    }

    /// PyTorch's side.
    pub(super) fn theirs(peer: &Peer) -> Result<Self> {
        let mut command = command(&peer.0);
        command.args(["-c", SERVER]);
        // PyTorch frees and takes its large blocks at each step. Where the C library hands them back, the system makes every page anew,
        // which on a virtual machine may take longer than what the page is for.
        command.envs([("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "100000000000"), ("MALLOC_TOP_PAD_", "67108864")]);
        Self::start("PyTorch's side", command)
    }

    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| failed(name, &reason(&error)))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else { return Err(failed(name, "it has no lines")) };
        Ok(Self { name, child, input: Some(input), output: BufReader::new(output) })
    }

    /// The answer to a question.
    pub(super) fn ask(&mut self, message: &Message) -> Result<Value> {
        let name = self.name;
        let lost = |error: std::io::Error| failed(name, &reason(&error));
        let question = serde_json::to_string(message).map_err(|error| failed(name, &error.to_string()))?;
        if let Some(input) = &mut self.input {
            writeln!(input, "{question}").map_err(lost)?;
        }
        let mut line = String::new();
        if self.output.read_line(&mut line).map_err(lost)? == 0 {
            return Err(failed(name, "it has ended"));
        }
        let answer: Value = serde_json::from_str(&line).map_err(|error| failed(name, &error.to_string()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(why) => Err(failed(name, why)),
            None => Ok(answer),
        }
    }

    /// The number called `key` in the answer.
    pub(super) fn number(&mut self, message: &Message, key: &str) -> Result<f64> {
        let answer = self.ask(message)?;
        answer.get(key).and_then(Value::as_f64).ok_or_else(|| failed(self.name, &format!("it does not tell `{key}`")))
    }

    /// The share of each kind of kernel in some work, the largest first; empty where the executor does not tell.
    pub(super) fn kernels(&mut self, work: &Message) -> Result<Vec<(String, f64)>> {
        self.ask(&Message::Kernels)?;
        self.ask(work)?;
        let answer = self.ask(&Message::Kernels)?;
        let told: Vec<(String, f64)> =
            answer.get("kernels").cloned().and_then(|told| serde_json::from_value(told).ok()).unwrap_or_default();
        let all: f64 = told.iter().map(|(_, seconds)| seconds).sum();
        let mut shares: Vec<(String, f64)> = told.into_iter().map(|(name, seconds)| (name, seconds / all.max(f64::MIN_POSITIVE))).collect();
        shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Ok(shares)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Without a line to read, a side ends by itself.
        self.input = None;
        let _ended = self.child.wait();
    }
}

fn command(program: &Path) -> Command {
    if !real_time() {
        return Command::new(program);
    }
    let mut command = Command::new("chrt");
    command.args(["-r", "20"]).arg(program);
    command
}

fn failed(name: &str, why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::EXECUTOR, format!("{name} of the benchmark failed: {why}")))
}
