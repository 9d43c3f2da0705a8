//! The life of one command: start, copy its output to the client, end.
//!
//! It ends by itself, or because the client went away, its time was up or the
//! agent stops. In every case its whole group is killed and its leader reaped.
//! What was printed before the end is sent, but a process that keeps the pipe
//! open does not hold up the reply for long.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::mpsc,
    time::{self, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    process::{self, Group},
    request::Plan,
    state::End,
};
use crate::reply_body::Piece;

/// The most that is read from the pipe at once, and the room below which a new
/// buffer is taken.
const READ_BYTES: usize = 32 << 10;
const READ_BYTES_MIN: usize = 4 << 10;

/// How long background processes may go on printing after the command itself
/// ended, before they are killed.
const LINGER: Duration = Duration::from_secs(1);

/// After the kill: how long, and how many bytes, to wait for the end of the
/// pipe, which only a process that has left the group can still hold open. More
/// than a pipe's buffer, so nothing that the group printed is lost.
const ESCAPED_IDLE: Duration = Duration::from_millis(500);
const ESCAPED_BYTES: usize = 2 << 20;

/// How long a killed process may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// Why a command is not left to end by itself.
enum Cut {
    /// Nobody reads any more, or the agent stops: the reply is broken off.
    Abandoned,
    /// The request's time limit has passed.
    TimedOut,
}

/// Runs the command to its end. When there is no client any more, or no agent,
/// the reply is broken off: the sender is dropped without an end.
pub(super) async fn run(plan: Plan, sender: mpsc::Sender<Piece>, stop: CancellationToken) {
    let began = Instant::now();
    let program = plan.program.display().to_string();
    let client = Client { sender, stop };
    let end = live(plan, &client).await;
    let state = end.as_ref().map_or("cut off".into(), End::text);
    let duration_ms = began.elapsed().as_millis();
    tracing::info!(exec.program = %program, exec.state = %state, duration_ms, "command ended");
    if let Some(end) = end {
        client.send(Piece::End(end.trailers())).await;
    }
}

/// `None` if the reply is to be broken off.
async fn live(plan: Plan, client: &Client) -> Option<End> {
    if plan.debug && !client.send(Piece::Data(plan.debug_line().into())).await {
        return None;
    }
    let mark = plan.mark.clone();
    let deadline = plan.timeout.map(|limit| time::Instant::now() + limit);
    let started = tokio::task::spawn_blocking(move || process::start(&plan)).await;
    let (mut group, pipe) = match started {
        Ok(Ok(started)) => started,
        Ok(Err(why)) => return Some(End::NotStarted(why)),
        Err(error) => return Some(End::NotStarted(error.to_string())),
    };
    let mut output = match Output::new(pipe.into(), client) {
        Ok(output) => output,
        Err(error) => return Some(End::Unknown(error)),
    };

    let ended = group.leader_ended();
    tokio::pin!(ended);
    let cut = tokio::select! {
        cut = client.cut(deadline) => Some(cut),
        waited = &mut ended => match waited {
            Ok(()) => None,
            Err(error) => return Some(End::Unknown(error)),
        },
        () = output.copy_and_wait() => None,
    };
    let timed_out = matches!(cut, Some(Cut::TimedOut));
    let mut is_abandoned = matches!(cut, Some(Cut::Abandoned));
    if cut.is_none() {
        tokio::select! {
            cut = client.cut(deadline) => is_abandoned = matches!(cut, Cut::Abandoned),
            () = output.copy() => {}
            () = sleep(LINGER) => {}
        }
    }

    group.kill();
    // What it started in other groups must not outlive it: the next build has the same workdir.
    let _ = tokio::task::spawn_blocking(move || mark.kill_all()).await;
    // A future that is done must not be polled again.
    if cut.is_some() && timeout(KILL_WAIT, &mut ended).await.is_err() {
        return (!is_abandoned).then_some(End::Unkillable);
    }
    let end = reap(&mut group, timed_out);
    if is_abandoned {
        return None;
    }
    tokio::select! {
        _ = client.cut(None) => None,
        () = output.copy_rest() => Some(end),
    }
}

fn reap(group: &mut Group, timed_out: bool) -> End {
    match group.reap() {
        Ok(Some(status)) => End::Ended { status, timed_out },
        Ok(None) => End::Unkillable,
        Err(error) => End::Unknown(error),
    }
}

/// The reply's receiver, and what can end it early.
struct Client {
    sender: mpsc::Sender<Piece>,
    stop: CancellationToken,
}

impl Client {
    /// Resolves when the command is to be killed.
    async fn cut(&self, deadline: Option<time::Instant>) -> Cut {
        let time_is_up = async {
            match deadline {
                Some(deadline) => time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.sender.closed() => Cut::Abandoned,
            () = self.stop.cancelled() => Cut::Abandoned,
            () = time_is_up => Cut::TimedOut,
        }
    }

    /// Sends when the client has room. `false` if it will not have any more.
    async fn send(&self, piece: Piece) -> bool {
        tokio::select! {
            sent = self.sender.send(piece) => sent.is_ok(),
            () = self.stop.cancelled() => false,
        }
    }
}

/// What the group prints, on its way to the client. Room is taken first and the
/// pipe read then, so a copy can be dropped at any time and resumed without loss,
/// and no more is read than the client takes.
struct Output<'c> {
    pipe: pipe::Receiver,
    client: &'c Client,
    buffer: BytesMut,
    is_at_end: bool,
}

impl<'c> Output<'c> {
    fn new(pipe: OwnedFd, client: &'c Client) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(pipe)?,
            client,
            buffer: BytesMut::new(),
            is_at_end: false,
        })
    }

    /// Copies to the end of the pipe.
    async fn copy(&mut self) {
        while self.copy_some(None).await > 0 {}
    }

    /// Copies to the end of the pipe, and never resolves: a command may close its
    /// outputs and go on.
    async fn copy_and_wait(&mut self) {
        self.copy().await;
        std::future::pending().await
    }

    /// Copies what is left when the group is dead.
    async fn copy_rest(&mut self) {
        let mut bytes = 0;
        while bytes < ESCAPED_BYTES {
            match self.copy_some(Some(ESCAPED_IDLE)).await {
                0 => return,
                count => bytes += count,
            }
        }
    }

    /// One read, one piece. 0 at the end of the pipe, when the client has gone, or
    /// when the pipe brings nothing for `idle`.
    async fn copy_some(&mut self, idle: Option<Duration>) -> usize {
        if self.is_at_end {
            return 0;
        }
        let Ok(room) = self.client.sender.reserve().await else {
            return 0;
        };
        if self.buffer.capacity() < READ_BYTES_MIN {
            self.buffer.reserve(READ_BYTES);
        }
        let read = self.pipe.read_buf(&mut self.buffer);
        let read = match idle {
            Some(idle) => timeout(idle, read).await.unwrap_or(Ok(0)),
            None => read.await,
        };
        // A pipe has no errors of its own; if one comes it is the end.
        let count = read.unwrap_or(0);
        if count == 0 {
            self.is_at_end = true;
        } else {
            room.send(Piece::Data(self.buffer.split().freeze()));
        }
        count
    }
}
