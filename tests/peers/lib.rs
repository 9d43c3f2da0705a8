//! Tests of forgelog against real programs, one file each in `tests/`. `run` installs them first.
