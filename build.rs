//! Puts the user-agent rules of ua-parser/uap-core (Apache-2.0) where the library can include them.
//!
//! The rules are not part of this repository: they come out of the package of the `ua-parser` crate, which Cargo has
//! fetched anyway. `THRESH_UA_RULES` names another file to build in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-env-changed=THRESH_UA_RULES");
    let rules = match env::var_os("THRESH_UA_RULES") {
        Some(file) => PathBuf::from(file),
        None => ua_parser_package().join("uap-core").join("regexes.yaml"),
    };
    println!("cargo::rerun-if-changed={}", rules.display());
    let target = Path::new(&env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR")).join("regexes.yaml");
    if let Err(error) = std::fs::copy(&rules, &target) {
        panic!(
            "cannot read the user-agent rules {}: {error}; name a copy of uap-core's regexes.yaml in THRESH_UA_RULES",
            rules.display()
        );
    }
}

/// The folder of the `ua-parser` package, asked of Cargo without network.
fn ua_parser_package() -> PathBuf {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name}"));
    let output = Command::new(variable("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &variable("TARGET")])
        .args(["--manifest-path", &format!("{}/Cargo.toml", variable("CARGO_MANIFEST_DIR"))])
        .output()
        .expect("cargo can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    manifest_of(&text, "ua-parser").and_then(|manifest| Some(manifest.parent()?.to_owned())).unwrap_or_else(|| {
        panic!("cargo metadata does not tell where ua-parser is: {}", String::from_utf8_lossy(&output.stderr))
    })
}

/// The manifest of a package. Enough of a JSON reader for that: in each package's object, `manifest_path` follows its
/// `name`, and paths hold no escapes except doubled backslashes.
fn manifest_of(metadata: &str, package: &str) -> Option<PathBuf> {
    let start = metadata.find(&format!("{{\"name\":\"{package}\",\"version\":"))?;
    let key = "\"manifest_path\":\"";
    let path = &metadata[start + metadata[start..].find(key)? + key.len()..];
    Some(PathBuf::from(path[..path.find('"')?].replace("\\\\", "\\")))
}
