//! One attempt of a build: send the source, run the steps, keep the output.
//!
//! Depends on the host's client, `git` for the source, and the recorder for spans. It decides
//! nothing: what came of it goes back to the coordinator's task as a [`Report`].

use crate::error::Error;
use crate::output::OutputSink;
use crate::pool::Host;
use crate::record::Recorder;
use builders::{Builder, Command, Places};
use buildlet_client::{Exec, ExecOutcome, Payload};
use bytes::{Bytes, BytesMut};
use git::Repository;
use log_core::explain;
use proto::GitHash;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{AttemptEnd, Output, SpanFinished, SpanStarted, Verdict};
use std::io;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where the source goes, in the host's work folder.
const SOURCE: &str = "src";
/// The source is sent in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// What is to be done.
pub(crate) struct Order {
    pub(crate) build_id: String,
    pub(crate) attempt: u32,
    pub(crate) repo: String,
    pub(crate) branch: String,
    pub(crate) commit: GitHash,
    pub(crate) builder: Builder,
    pub(crate) host: builders::Host,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) output: Option<Output>,
    pub(crate) took: Duration,
}

/// How it ended.
pub(crate) enum End {
    /// With a word on the code.
    Verdict {
        verdict: Verdict,
        failed_step: String,
        state: String,
    },
    /// Without one.
    NoWord { end: AttemptEnd, error: String },
}

/// What an attempt needs besides its host.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) repository: Repository,
    pub(crate) recorder: Recorder,
    pub(crate) cancel: CancellationToken,
}

/// Runs the attempt on the host. An error means that nothing can be recorded any more.
pub(crate) async fn run(
    order: &Order,
    host: &Host,
    around: &Surroundings,
    mut sink: OutputSink,
) -> Result<Report, Error> {
    let started = Instant::now();
    let mut running = Running {
        order,
        host,
        around,
        sink: &mut sink,
        deadline: started + order.builder.limits().total(),
    };
    let mut end = running.all().await?;
    let output = sink.finish().await;
    if sink.is_lost() {
        // There is no result without its output.
        end = cancelled();
    }
    Ok(Report {
        end,
        output: Some(output),
        took: started.elapsed(),
    })
}

struct Running<'a> {
    order: &'a Order,
    host: &'a Host,
    around: &'a Surroundings,
    sink: &'a mut OutputSink,
    deadline: Instant,
}

/// How a step's command ended.
enum StepEnd {
    Outcome(ExecOutcome),
    /// The host could not find the program.
    NotFound(String),
    OutputLimit,
    Cancelled,
    Exec(buildlet_client::Error),
}

impl Running<'_> {
    async fn all(&mut self) -> Result<End, Error> {
        if let Some(end) = self.put_source().await {
            return Ok(end);
        }
        let cache = match self.host.cache_of(self.order.builder.name()) {
            Ok(cache) => cache,
            Err(error) => {
                return Ok(End::NoWord {
                    end: AttemptEnd::Infra,
                    error: explain(&error),
                });
            }
        };
        let places = Places {
            workdir: &self.host.work_dir,
            cache: &cache,
        };
        for command in self.order.builder.commands(&self.order.host, places) {
            let id = command.step.to_string();
            let line = format!("##### {id}: {}\n", command.run.join(" "));
            self.sink.note(line.as_bytes()).await;
            let began = Instant::now();
            self.record(Kind::SpanStarted(SpanStarted {
                span_id: id.clone(),
                name: id.clone(),
                ..self.span()
            }))
            .await?;
            let end = self.step(&command).await;
            let end = self.judge(&command, end).await;
            let error = match &end {
                None => String::new(),
                Some(End::Verdict { state, .. }) => state.clone(),
                Some(End::NoWord { error, .. }) => error.clone(),
            };
            self.record(Kind::SpanFinished(SpanFinished {
                build_id: self.order.build_id.clone(),
                attempt: self.order.attempt,
                span_id: id,
                error,
                took: proto::Duration::try_from(began.elapsed()).ok(),
                output_end: self.sink.size(),
                ..SpanFinished::default()
            }))
            .await?;
            if let Some(end) = end {
                return Ok(end);
            }
        }
        Ok(End::Verdict {
            verdict: Verdict::Ok,
            failed_step: String::new(),
            state: "ok".to_owned(),
        })
    }

    fn span(&self) -> SpanStarted {
        SpanStarted {
            build_id: self.order.build_id.clone(),
            attempt: self.order.attempt,
            ..SpanStarted::default()
        }
    }

    async fn record(&self, kind: Kind) -> Result<(), Error> {
        self.around.recorder.record([kind]).await
    }

    /// Sends the commit's files; says how the attempt ends if that fails.
    async fn put_source(&mut self) -> Option<End> {
        let client = &self.host.client;
        let put = async {
            client.remove_all(&[SOURCE]).await?;
            client
                .put_tgz(
                    SOURCE,
                    source(self.around.repository.clone(), self.order.commit),
                )
                .await
        };
        let failure = tokio::select! {
            biased;
            () = self.around.cancel.cancelled() => return Some(cancelled()),
            put = put => put.err()?,
        };
        let error = format!("cannot send the source: {}", explain(&failure));
        let refused = failure
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 400 | 413));
        self.sink
            .note(format!("forgelog: {error}\n").as_bytes())
            .await;
        if refused {
            // The agent read it and will not have it, however often it comes.
            return Some(End::Verdict {
                verdict: Verdict::Failed,
                failed_step: "source".to_owned(),
                state: error,
            });
        }
        Some(End::NoWord {
            end: AttemptEnd::Infra,
            error,
        })
    }

    async fn step(&mut self, command: &Command) -> StepEnd {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = command.timeout.min(left).max(Duration::from_secs(1));
        let exec = self.exec(command, timeout);
        let mut stream = match self.host.client.exec(exec).await {
            Ok(stream) => stream,
            Err(buildlet_client::Error::Status {
                status, message, ..
            }) if status.as_u16() == 422 => {
                return StepEnd::NotFound(message.trim_end().to_owned());
            }
            Err(error) => return StepEnd::Exec(error),
        };
        loop {
            tokio::select! {
                biased;
                () = self.around.cancel.cancelled() => return StepEnd::Cancelled,
                () = self.sink.due() => self.sink.flush().await,
                chunk = stream.next_chunk() => match chunk {
                    Ok(Some(chunk)) if self.sink.write(&chunk).await => {}
                    Ok(Some(_)) => return StepEnd::OutputLimit,
                    Ok(None) => break,
                    Err(error) => return StepEnd::Exec(error),
                },
            }
        }
        match stream.finish().await {
            Ok(outcome) => StepEnd::Outcome(outcome),
            Err(error) => StepEnd::Exec(error),
        }
    }

    fn exec(&self, command: &Command, timeout: Duration) -> Exec {
        let dir = if command.dir.is_empty() {
            SOURCE.to_owned()
        } else {
            format!("{SOURCE}/{}", command.dir)
        };
        let mut run = command.run.iter();
        let program = run.next().map_or("", String::as_str);
        // A path is meant from where the step runs; the agent takes it from its work folder.
        let is_path = program.contains('/') && !program.starts_with('/');
        let commit = self.order.commit.to_string();
        let ours = [
            ("CI", "true"),
            ("FORGELOG_BUILDER", self.order.builder.name().as_str()),
            ("FORGELOG_BUILD_ID", &self.order.build_id),
            ("FORGELOG_REPO", &self.order.repo),
            ("FORGELOG_BRANCH", &self.order.branch),
            ("FORGELOG_COMMIT", &commit),
            ("GO_BUILDER_NAME", self.order.builder.name().as_str()),
        ];
        let ours = ours
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Exec {
            cmd: if is_path {
                format!("{dir}/{program}")
            } else {
                program.to_owned()
            },
            args: run.cloned().collect(),
            dir,
            env: ours.chain(command.env.clone()).collect(),
            sys: !is_path,
            timeout: Some(timeout),
            ..Exec::default()
        }
    }

    /// What a step's end means for the attempt; `None` to go on.
    async fn judge(&mut self, command: &Command, end: StepEnd) -> Option<End> {
        let failed = |verdict, state: &str| {
            let (failed_step, state) = (command.step.to_string(), state.to_owned());
            Some(End::Verdict {
                verdict,
                failed_step,
                state,
            })
        };
        let (said, end) = match end {
            StepEnd::Outcome(outcome) if outcome.success() => return None,
            StepEnd::Outcome(outcome) if outcome.timed_out => {
                let state = format!("ran over its limit of {}", limit_text(command, self.order));
                (state.clone(), failed(Verdict::Timeout, &state))
            }
            StepEnd::Outcome(outcome) => (
                outcome.state.clone(),
                failed(Verdict::Failed, &outcome.state),
            ),
            StepEnd::NotFound(message) => (message.clone(), failed(Verdict::Failed, &message)),
            StepEnd::OutputLimit => {
                let bytes = self.order.builder.limits().output_bytes();
                let state =
                    format!("printed more than {bytes} bytes (limits.output) and was stopped");
                (state.clone(), failed(Verdict::Timeout, &state))
            }
            StepEnd::Cancelled => (
                "stopped, because forgelog stops".to_owned(),
                Some(cancelled()),
            ),
            StepEnd::Exec(error) => {
                let error = explain(&error);
                (
                    error.clone(),
                    Some(End::NoWord {
                        end: AttemptEnd::Infra,
                        error,
                    }),
                )
            }
        };
        self.sink
            .note(format!("\nforgelog: {}: {said}\n", command.step).as_bytes())
            .await;
        end
    }
}

fn limit_text(command: &Command, order: &Order) -> String {
    let total = order.builder.limits().total();
    if command.timeout < total {
        format!("{} s (timeout of the step)", command.timeout.as_secs())
    } else {
        format!("{} s (limits.total)", total.as_secs())
    }
}

/// The end of what is stopped together with forgelog.
fn cancelled() -> End {
    End::NoWord {
        end: AttemptEnd::Cancelled,
        error: "forgelog was stopped while it ran".to_owned(),
    }
}

/// The commit's files as a gzipped tar, made while it is sent.
fn source(repository: Repository, commit: GitHash) -> Payload {
    let (sender, mut pieces) = mpsc::channel::<io::Result<Bytes>>(8);
    tokio::task::spawn_blocking(move || {
        let mut out = Pieces {
            sender: sender.clone(),
            piece: BytesMut::with_capacity(PIECE_BYTES),
        };
        let archived = repository.archive(&commit, &mut out, &AtomicBool::new(false));
        let end = match archived {
            Ok(_) => io::Write::flush(&mut out).err(),
            Err(error) => Some(io::Error::other(error)),
        };
        if let Some(error) = end {
            // If nobody reads any more, nobody wants to know.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Payload::stream(futures::stream::poll_fn(move |context| {
        pieces.poll_recv(context)
    }))
}

/// Writes into the channel; fails when the reader is gone.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
