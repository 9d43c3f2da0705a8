//! The way to a remote: TLS for https, time limits for `git://`, and who is told the credentials of a URL. The rest is
//! gix's: HTTP, ssh (a program), and `git-upload-pack` for repositories on this machine.

use std::io::{Error, ErrorKind, Result};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Once;
use std::time::Duration;

use gix::protocol::credentials::{helper, protocol};
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::protocol::transport::client::git::{
    ConnectMode, blocking_io::Connection as GitConnection,
};
use gix::remote::{Connection, Direction};
use gix::sec::identity::Account;
use gix::url::Scheme;

use crate::error::Source;
use crate::location::Credentials;

/// How long to wait for a `git://` server to answer a connection, and for each read and write after that. (HTTP has
/// 20 and 30 s; ssh has its own configuration.)
const GIT_CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const GIT_IO_TIMEOUT: Duration = Duration::from_secs(60);
const GIT_PORT: u16 = 9418;

pub(super) type Connected<'a, 'repo> = Connection<'a, 'static, 'repo, Box<dyn Transport + Send>>;

/// reqwest takes the process-wide provider, and panics without one.
pub(super) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that the program has chosen one already.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// Connects to what the remote is configured to be, which may be another URL than the one given (`insteadOf`).
pub(super) fn connect<'a, 'repo>(
    remote: &'a gix::Remote<'repo>,
) -> std::result::Result<Connected<'a, 'repo>, Source> {
    let (url, version) = remote.sanitized_url_and_version(Direction::Fetch)?;
    match (&url.scheme, url.host()) {
        (Scheme::Git, Some(host)) => {
            let transport = git_transport(git_stream(host, url.port)?, &url, host, version)?;
            Ok(remote.to_connection_with_transport(transport))
        }
        _ => Ok(remote.connect(Direction::Fetch)?),
    }
}

/// Makes `connection` use the credentials of a URL.
pub(super) fn use_credentials(connection: &mut Connected<'_, '_>, credentials: Credentials) {
    let mut otherwise = connection.configured_credentials_for_current_url();
    connection.set_credentials(move |action| authenticate(&credentials, action, &mut otherwise));
}

/// Gives the credentials of the URL to the host of the URL; all else is up to the configured credential helpers.
fn authenticate(
    credentials: &Credentials,
    action: helper::Action,
    otherwise: &mut dyn FnMut(helper::Action) -> gix::Result<Option<protocol::Outcome>>,
) -> gix::Result<Option<protocol::Outcome>> {
    let helper::Action::Get(context) = &action else {
        return Ok(None);
    };
    let asked = context
        .url
        .as_ref()
        .and_then(|url| gix::url::parse(url).ok());
    let is_ours = asked.is_some_and(|url| {
        url.scheme == credentials.scheme
            && url.host() == Some(credentials.host.as_str())
            && url.port_or_default() == credentials.port
    });
    if !is_ours {
        return otherwise(action);
    }
    let identity = Account {
        username: credentials.user.clone(),
        password: credentials.password.clone(),
        oauth_refresh_token: None,
    };
    Ok(Some(protocol::Outcome {
        identity,
        next: protocol::Context::default().into(),
    }))
}

/// A connection on which no read and no write waits for ever.
fn git_stream(host: &str, port: Option<u16>) -> Result<TcpStream> {
    let mut failure = Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port.unwrap_or(GIT_PORT)).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, GIT_CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(GIT_IO_TIMEOUT))?;
                stream.set_write_timeout(Some(GIT_IO_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn git_transport(
    stream: TcpStream,
    url: &gix::Url,
    host: &str,
    version: Protocol,
) -> Result<Box<dyn Transport + Send>> {
    let reader = stream.try_clone()?;
    let virtual_host = Some((host, url.port));
    let connection = GitConnection::new(
        reader,
        stream,
        version,
        url.path.clone(),
        virtual_host,
        ConnectMode::Daemon,
        false,
    );
    Ok(Box::new(connection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;

    #[test]
    fn credentials_are_for_their_host_only() {
        let location = Location::parse("https://me:secret@example.com/a.git").unwrap();
        let credentials = location.credentials().unwrap();
        let given_to = |url: &str| {
            let mut asked_others = false;
            let mut others = |_| {
                asked_others = true;
                Ok(None)
            };
            let action = helper::Action::get_for_url(url);
            let outcome = authenticate(&credentials, action, &mut others).unwrap();
            assert_eq!(outcome.is_none(), asked_others);
            outcome.map(|outcome| (outcome.identity.username, outcome.identity.password))
        };
        let ours = Some(("me".to_owned(), "secret".to_owned()));
        assert_eq!(given_to("https://example.com/a.git"), ours);
        assert_eq!(given_to("https://example.com:443/b"), ours);
        for other in [
            "http://example.com/a.git",
            "https://example.com:444/a.git",
            "https://example.org/a.git",
            "https://example.com.evil/a",
        ] {
            assert_eq!(given_to(other), None, "{other}");
        }
    }

    #[test]
    fn locations_without_credentials_have_none() {
        for text in [
            "https://example.com/a.git",
            "git@example.com:a.git",
            "/srv/a.git",
        ] {
            let credentials = Location::parse(text).unwrap().credentials();
            assert_eq!(
                credentials
                    .map(|it| it.password)
                    .filter(|it| !it.is_empty()),
                None,
                "{text}"
            );
        }
    }
}
