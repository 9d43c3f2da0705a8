//! CMake: `CMakeLists.txt`.

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

/// Names for the build's folder; the first that the repository doesn't have is taken.
const BUILD_DIRS: [&str; 3] = ["build", "_build", "cmake-build"];

pub(super) fn find(tree: &dyn Tree) -> Option<Found> {
    look(tree, "CMakeLists.txt")?;
    let [.., last] = BUILD_DIRS;
    let free = BUILD_DIRS.into_iter().find(|dir| !tree.exists(dir));
    // In the source rather than in `$CACHE`: CMake refuses a folder that it made for a source
    // in another place.
    let dir = free.unwrap_or(last);
    let configure = ["cmake", "-S", ".", "-B", dir];
    let build = ["cmake", "--build", dir];
    let test = ["ctest", "--test-dir", dir, "--output-on-failure"];
    Some(Found {
        toolchain: "cmake",
        files: "CMakeLists.txt".to_owned(),
        is_main: true,
        env: Vec::new(),
        steps: vec![
            Planned::new("configure", "cmake", &configure),
            Planned::new("build", "cmake --build", &build),
            Planned::new("test", "ctest", &test),
        ],
        remarks: Vec::new(),
    })
}
