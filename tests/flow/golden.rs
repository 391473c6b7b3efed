//! Values as earlier versions stored them (`tests/golden`), in a real server: they have the same
//! digest in every version, and are stored again as the same bytes.

use std::fs;
use std::path::PathBuf;

use testkit::{cmd, Server};

/// `DEBUG DIGEST-VALUE` of some files.
const DIGESTS: [(&str, &str); 4] = [
    (
        "bucket-v1-minute-rich.bin",
        "8ce7b8ea746fffad10f45dc52ff19647a9555fa7",
    ),
    (
        "bucket-v1-hour-spilled.bin",
        "da290a350de2a3e596f75de8fba3c906cb168c4d",
    ),
    (
        "bucket-v1-month-packed.bin",
        "c8e3edab6be05a263f9cc595782ddccd67aed89e",
    ),
    (
        "site-v1-rich.bin",
        "2691145c3084a1697a86e5704ead9f941a598a62",
    ),
];

#[test]
fn golden_values_are_taken_and_given_back() {
    let server = Server::start();
    let mut connection = server.connection();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = 0;
    for file in fs::read_dir(folder).expect("a folder of golden files") {
        let path = file.expect("a file").path();
        let page = fs::read(&path).expect("a golden file");
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name of ASCII letters");
        let kind = match name.starts_with("site") {
            true => "SITE",
            false => "BUCKET",
        };
        cmd!(connection, "ANALYTICS.RESTORE", name, kind, page).ok();
        let (dump, digest) = (connection.dump(name), connection.digest(name));
        cmd!(connection, "RESTORE", "again", 0, dump, "REPLACE").ok();
        assert_eq!(connection.dump("again"), dump, "{name}");
        assert_eq!(connection.digest("again"), digest, "{name}");
        if let Some((_, expected)) = DIGESTS.iter().find(|(known, _)| *known == name) {
            assert_eq!(digest, *expected, "{name}");
            found += 1;
        }
    }
    assert_eq!(found, DIGESTS.len());
}
