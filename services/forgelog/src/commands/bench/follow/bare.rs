//! The packets that following takes at least: the one who waits is answered, asks, and gets the record. Depends on the
//! standard library only; blocking sockets, one thread at each end.

use anyhow::{Context as _, Result, anyhow};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::super::sample::milliseconds;

/// About the length of an index and its headers, of a request, and of the headers before a record.
const INDEX_BYTES: usize = 512;
const REQUEST_BYTES: usize = 128;
const HEAD_BYTES: usize = 256;

/// So many times, at this rate a second; gives how long each took, in milliseconds.
pub(super) fn trips(count: usize, rate: u32, record_bytes: usize) -> Result<Vec<f64>> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let asking = std::thread::spawn(move || -> std::io::Result<()> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let mut index = [0; INDEX_BYTES];
        let mut record = vec![0; HEAD_BYTES + record_bytes];
        for _ in 0..count {
            socket.read_exact(&mut index)?;
            socket.write_all(&[1; REQUEST_BYTES])?;
            socket.read_exact(&mut record)?;
            // It has been seen; the other end stops its clock when it hears of that.
            socket.write_all(&[1])?;
        }
        Ok(())
    });
    let (socket, _) = listener.accept().context("cannot accept")?;
    let times = answer(socket, count, rate, record_bytes)
        .context("the bare packets do not come through")?;
    asking
        .join()
        .map_err(|_| anyhow!("the other end of the bare packets died"))?
        .context("the bare packets do not come through")?;
    Ok(times)
}

fn answer(
    mut socket: TcpStream,
    count: usize,
    rate: u32,
    record_bytes: usize,
) -> std::io::Result<Vec<f64>> {
    socket.set_nodelay(true)?;
    let record = vec![1; HEAD_BYTES + record_bytes];
    let mut request = [0; REQUEST_BYTES];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(Duration::from_secs(1) / rate);
        let began = Instant::now();
        socket.write_all(&[1; INDEX_BYTES])?;
        socket.read_exact(&mut request)?;
        socket.write_all(&record)?;
        socket.read_exact(&mut [0])?;
        times.push(milliseconds(began.elapsed()));
    }
    Ok(times)
}
