//! Two things that the agent's clients need and the HTTP library does not do, done
//! on the way in and out of a TCP stream that carries one request.
//!
//! **In: `TE: trailers`.** hyper sends trailers only to a client that says it takes
//! them. The original's clients do not say so (Go's HTTP client never does), read
//! them all the same, and take a missing trailer for a broken exec. So every
//! request is made to say it: the header is put in after the request line.
//!
//! **Out: closing with patience.** A server that answers early (`413`, `403`) and
//! closes while the client still sends makes the kernel reset the connection, and
//! the answer can be lost with it. So after the last byte out, what still comes in
//! is read and thrown away for a while.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A longer request line is passed on as it is, for hyper to refuse.
const LINE_BYTES_MAX: usize = 64 << 10;

const TE_HEADER: &[u8] = b"TE: trailers\r\n";

/// How long a client may go on sending what nobody wants.
const LINGER: Duration = Duration::from_secs(5);

/// A stream that carries one HTTP/1 request and its reply.
#[derive(Debug)]
pub(super) struct Wire<S> {
    inner: S,
    head: Head,
    closing: Closing,
}

#[derive(Debug)]
enum Head {
    /// Gathering the request line.
    Line(BytesMut),
    /// Handing out the request line, the header, and what was read with them.
    Changed(Bytes),
    /// Everything after that.
    Rest,
}

#[derive(Debug)]
enum Closing {
    NotYet,
    Lingering(Pin<Box<Sleep>>),
}

impl<S> Wire<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            head: Head::Line(BytesMut::new()),
            closing: Closing::NotYet,
        }
    }
}

/// The line with the header after it; `None` if it is not complete yet.
fn with_te(gathered: &mut BytesMut) -> Option<Bytes> {
    // Empty lines before a request are allowed, and ignored.
    while gathered.first().is_some_and(|byte| b"\r\n".contains(byte)) {
        gathered.advance(1);
    }
    let end = gathered.iter().position(|byte| *byte == b'\n');
    let rest = match end {
        Some(end) => gathered.split_off(end + 1),
        None if gathered.len() < LINE_BYTES_MAX => return None,
        None => return Some(gathered.split().freeze()),
    };
    let mut changed = gathered.split();
    changed.extend_from_slice(TE_HEADER);
    changed.extend_from_slice(&rest);
    Some(changed.freeze())
}

impl<S: AsyncRead + Unpin> Wire<S> {
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Head::Line(gathered) = &mut self.head {
            let mut chunk = [0; 4096];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
            gathered.extend_from_slice(read.filled());
            if read.filled().is_empty() {
                self.head = Head::Changed(gathered.split().freeze());
            } else if let Some(changed) = with_te(gathered) {
                self.head = Head::Changed(changed);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets, until the client closes or time is up.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 16 << 10];
        loop {
            if let Closing::Lingering(limit) = &mut self.closing
                && limit.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Ok(()));
            }
            let mut read = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read)) {
                Ok(()) if !read.filled().is_empty() => {}
                // The reply is out; how the client closes does not matter.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_line(cx))?;
        if let Head::Changed(changed) = &mut self.head {
            let count = changed.len().min(out.remaining());
            out.put_slice(&changed.split_to(count));
            if changed.is_empty() {
                self.head = Head::Rest;
            }
            if count > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.inner).poll_read(cx, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Closing::NotYet = self.closing {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.closing = Closing::Lingering(Box::pin(sleep(LINGER)));
        }
        self.poll_discard(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    async fn check(sent: &[&str], want: &str) {
        let (mut client, server) = duplex(1 << 20);
        let sending = async move {
            for part in sent {
                client.write_all(part.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let mut wire = Wire::new(server);
        let mut got = String::new();
        let (read, ()) = tokio::join!(wire.read_to_string(&mut got), sending);
        read.unwrap();
        assert_eq!(got, want);
    }

    #[tokio::test]
    async fn every_request_takes_trailers() {
        let want = "POST /exec HTTP/1.1\r\nTE: trailers\r\nHost: x\r\n\r\nbody\nbody";
        check(&["POST /exec HTTP/1.1\r\nHost: x\r\n\r\nbody\nbody"], want).await;
        check(
            &[
                "\r",
                "\nPOST /ex",
                "ec HTTP/1.1\r",
                "\nHost: x\r\n\r\nbody",
                "\nbody",
            ],
            want,
        )
        .await;
        check(&["GET / HTTP/1.1"], "GET / HTTP/1.1").await;
        check(&[], "").await;
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        check(&[&long], &long).await;
    }

    #[tokio::test]
    async fn what_comes_after_the_reply_is_thrown_away() {
        let (mut client, server) = duplex(16);
        let mut wire = Wire::new(server);
        let sending = async move {
            // More than fits in between: without a reader this would not end.
            client.write_all(&[b'x'; 4096]).await.unwrap();
            drop(client);
        };
        let both = async { tokio::join!(wire.shutdown(), sending) };
        let (closed, ()) = timeout(LINGER, both).await.unwrap();
        closed.unwrap();
    }
}
