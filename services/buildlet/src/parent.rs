//! Dying with the parent. A process that is killed cannot tell its children, but
//! the kernel closes its ends of pipes: an agent whose standard input is a pipe
//! that only its parent can write to learns there of the parent's end.

use std::{io, os::fd::AsFd};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::unix::pipe,
};

/// Resolves when the other end of `stdin` is closed: the parent has closed it,
/// or has ended, however it ended. What the parent writes is read and ignored.
///
/// The caller then cancels [`serve`](crate::serve()), which kills all commands.
/// For this to work the parent must hold the only write end, closed on exec
/// (as a `Command` with a piped standard input does).
pub async fn parent_gone(mut stdin: impl AsyncRead + Unpin) {
    let mut ignored = [0; 512];
    loop {
        match stdin.read(&mut ignored).await {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An error is taken for the end: better to stop without need than to
            // outlive the parent.
            Ok(0) | Err(_) => return,
        }
    }
}

/// The process's standard input, which must be a pipe, for [`parent_gone`].
/// Unlike `tokio::io::stdin` it occupies no thread, so it does not hold up the
/// end of the process. Must be called within a tokio runtime.
pub fn stdin_pipe() -> io::Result<pipe::Receiver> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    pipe::Receiver::from_owned_fd(stdin)
}
