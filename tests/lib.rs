//! Rules of the code base as tests: see `tidy.rs`. This library is empty.
