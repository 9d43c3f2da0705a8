//! Where the pages are served: reading the address, and finding a free port. Depends on the operating system.

use anyhow::{Context as _, Result, anyhow};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Where the pages are if nobody says.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8419);
/// Ports after the default one that are tried when it is taken.
const TRIES: u16 = 20;

/// A listener that is ready.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    /// Where a browser on this machine finds the pages.
    pub(super) url: String,
    /// What people should know about the choice of the port.
    pub(super) note: Option<String>,
    /// Whether other machines reach it.
    pub(super) is_open: bool,
}

/// Reads `HOST:PORT`, where the host is an address or `localhost`.
pub(in crate::commands) fn parse(text: &str) -> Result<SocketAddr, String> {
    let with_host = text
        .strip_prefix("localhost:")
        .map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    with_host.as_deref().unwrap_or(text).parse().map_err(|_| {
        "write an address and a port, such as 127.0.0.1:8419, localhost:0 or [::1]:8419".to_owned()
    })
}

/// Listens where it was asked for, or on the first free port from the default one on.
pub(super) fn bind(wanted: Option<SocketAddr>) -> Result<Bound> {
    match wanted {
        Some(address) => bound(
            TcpListener::bind(address).map_err(|error| refusal(address, error))?,
            None,
        ),
        None => bind_near(DEFAULT),
    }
}

fn bind_near(first: SocketAddr) -> Result<Bound> {
    for more in 0..TRIES {
        let address = SocketAddr::new(first.ip(), first.port().saturating_add(more));
        match TcpListener::bind(address) {
            Ok(listener) => {
                let note = (more > 0).then(|| {
                    format!(
                        "port {} is taken, so it is {}",
                        first.port(),
                        address.port()
                    )
                });
                return bound(listener, note);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(refusal(address, error)),
        }
    }
    let last = first.port().saturating_add(TRIES - 1);
    Err(anyhow!(
        "the ports {} to {last} are all in use; choose one with --listen, such as --listen 127.0.0.1:0",
        first.port()
    ))
}

fn bound(listener: TcpListener, note: Option<String>) -> Result<Bound> {
    listener
        .set_nonblocking(true)
        .context("cannot use the listener")?;
    let address = listener.local_addr().context("cannot use the listener")?;
    Ok(Bound {
        listener,
        url: url(address),
        note,
        is_open: !address.ip().to_canonical().is_loopback(),
    })
}

/// The URL by which this machine reaches the address.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/", SocketAddr::new(ip, address.port()))
}

fn refusal(address: SocketAddr, error: std::io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there; stop it, or choose another port with --listen (port 0 is any free one)"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; 127.0.0.1 is always there, and 0.0.0.0 means all of them"
        }
        ErrorKind::PermissionDenied => {
            "this user may not; choose a port from 1024 on with --listen"
        }
        _ => "choose another address with --listen",
    };
    anyhow!(error).context(format!("cannot listen on {address}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert_eq!(parse("127.0.0.1:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(parse("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        for wrong in [
            "",
            "8419",
            ":8419",
            "localhost",
            "localhost:x",
            "example.org:80",
            "127.0.0.1:65536",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_url_is_one_that_a_browser_can_open() {
        for (address, expected) in [
            ("127.0.0.1:8419", "http://127.0.0.1:8419/"),
            ("0.0.0.0:80", "http://127.0.0.1:80/"),
            ("[::]:80", "http://[::1]:80/"),
            ("192.0.2.1:80", "http://192.0.2.1:80/"),
        ] {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_taken_port_is_an_error_only_if_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let text = format!("{:#}", bind(Some(address)).unwrap_err());
        assert!(
            text.contains(&address.to_string()) && text.contains("--listen"),
            "{text}"
        );
        // At the end of the range there may be no other port.
        if address.port() < u16::MAX - TRIES {
            let other = bind_near(address).unwrap();
            assert!(
                other
                    .note
                    .unwrap()
                    .contains(&format!("port {} is taken", address.port()))
            );
        }
    }
}
