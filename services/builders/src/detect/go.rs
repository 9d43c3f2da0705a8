//! Go: `go.mod`.

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

pub(super) fn find(tree: &dyn Tree) -> Option<Found> {
    look(tree, "go.mod")?;
    Some(Found {
        toolchain: "go",
        files: "go.mod".to_owned(),
        is_main: true,
        env: vec![
            ("GOCACHE", "$CACHE/go-build"),
            ("GOMODCACHE", "$CACHE/go-mod"),
            // Modules are read-only by default, and a cache has to be removable.
            ("GOFLAGS", "-modcacherw"),
        ],
        steps: vec![
            Planned::new("build", "go build", &["go", "build", "./..."]),
            Planned::new("vet", "go vet", &["go", "vet", "./..."]),
            Planned::new("test", "go test", &["go", "test", "./..."]),
        ],
        remarks: Vec::new(),
    })
}
