//! Mirrors over `git://` and ssh, each with a stand-in for the other end that runs `git upload-pack`.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use git::{Location, Repository};

use crate::fixture::{TestRepo, command};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// Answers so many connections like a git daemon. Returns what the clients asked for.
fn daemon(listener: TcpListener, root: &Path, connections: usize) -> JoinHandle<Vec<String>> {
    let root = root.to_owned();
    std::thread::spawn(move || {
        let serve = |mut stream: TcpStream| {
            let mut size = [0; 4];
            stream.read_exact(&mut size).unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap(), 16).unwrap();
            let mut asked = vec![0; size - 4];
            stream.read_exact(&mut asked).unwrap();
            let asked = String::from_utf8(asked).unwrap();
            let path = asked.strip_prefix("git-upload-pack /").unwrap();
            let path = path.split('\0').next().unwrap();
            let both: OwnedFd = stream.into();
            let mut child = command(&root)
                .args(["upload-pack", path])
                .env("GIT_PROTOCOL", "version=2")
                .stdin(Stdio::from(both.try_clone().unwrap()))
                .stdout(Stdio::from(both))
                .spawn()
                .unwrap();
            child.wait().unwrap();
            asked
        };
        (0..connections)
            .map(|_| serve(listener.accept().unwrap().0))
            .collect()
    })
}

#[test]
fn git_protocol() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    repo.commit("first");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let daemon = daemon(listener, repo.around.path(), 2);
    let location = Location::parse(&format!("git://{address}/project")).unwrap();
    let mirror = Repository::mirror(&location, repo.path_around("mirror")).unwrap();
    assert!(mirror.fetch(&GO_ON).unwrap());
    repo.commit("second");
    assert!(mirror.fetch(&GO_ON).unwrap());
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
    assert!(daemon.join().unwrap()[0].contains(&format!("host={address}")));
}

#[test]
fn ssh() {
    let repo = TestRepo::new();
    repo.commit("first");
    // Runs the command here that it is given for the host, and keeps its arguments.
    let program = repo.path_around("ssh");
    let script = "#!/bin/sh\necho \"$*\" >> \"$0.log\"\nwhile [ \"$1\" != git-upload-pack ]; do shift; done\nexec sh -c \"$*\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let location = Location::parse(&format!("me@host.example:{}", repo.path.display())).unwrap();
    let dir = repo.path_around("mirror");
    let mirror = Repository::mirror(&location, &dir).unwrap();
    assert!(
        mirror.name().starts_with("host.example/"),
        "{}",
        mirror.name()
    );
    let config = std::fs::read_to_string(dir.join("config")).unwrap();
    let config = format!("{config}[core]\n\tsshCommand = {}\n", program.display());
    std::fs::write(dir.join("config"), config).unwrap();
    assert!(mirror.fetch(&GO_ON).unwrap());
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
    let arguments = std::fs::read_to_string(repo.path_around("ssh.log")).unwrap();
    assert!(
        arguments.contains("me@host.example git-upload-pack '/"),
        "{arguments}"
    );
}
