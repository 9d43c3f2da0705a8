//! Which queued build is next. Pure; depends on the builds projection.

use forgelog_replay::Builds;
use forgelog_replay::builds::Build;

/// The build that a free host should have: that of the newest commit, unless its builder is paused
/// or `must_wait` says that its time has not come.
pub fn next<'a>(builds: &'a Builds, must_wait: impl Fn(&Build<'_>) -> bool) -> Option<Build<'a>> {
    builds
        .queued()
        .find(|build| builds.paused(build.builder()).is_none() && !must_wait(build))
}
