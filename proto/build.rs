//! Compiles the .proto files in pure Rust: no protoc is needed.

use std::error::Error;
use std::path::PathBuf;

const FILES: [&str; 3] = ["maintner.proto", "meta.proto", "builds.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .enable_type_names()
        .include_file("modules.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
