//! Values as earlier versions stored them (`tests/golden`), in a real server: they have the same
//! digest in every version, and are stored again as the same bytes.

use std::fs;
use std::path::PathBuf;

use testkit::{cmd, Server};

/// `DEBUG DIGEST-VALUE` of some files.
const DIGESTS: [(&str, &str); 4] = [
    (
        "bucket-v1-minute-rich.bin",
        "7df38e6b383225a171371a724cbe1a9873e44c1b",
    ),
    (
        "bucket-v1-hour-spilled.bin",
        "1b24429d76dbb1b9be3c667e3003b4f47e444b43",
    ),
    (
        "bucket-v1-month-packed.bin",
        "18d13750c0bad3bd8b49f7fa0f3556f5b031b8e0",
    ),
    (
        "site-v1-rich.bin",
        "12e8d42161d25c3a0e898775b20e0c7d7f3400ba",
    ),
];

#[test]
fn golden_values_are_taken_and_given_back() {
    let server = Server::start();
    let mut connection = server.connection();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (mut found, mut differ) = (0, Vec::new());
    for file in fs::read_dir(folder).expect("a folder of golden files") {
        let path = file.expect("a file").path();
        let page = fs::read(&path).expect("a golden file");
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name of ASCII letters");
        let kind = match name.split('-').next() {
            Some("site") => "SITE",
            Some("ids") => "IDS",
            Some("visitors") => "VISITORS",
            Some("people") => "PEOPLE",
            _ => "BUCKET",
        };
        cmd!(connection, "ANALYTICS.RESTORE", name, kind, page).ok();
        let (dump, digest) = (connection.dump(name), connection.digest(name));
        cmd!(connection, "RESTORE", "again", 0, dump, "REPLACE").ok();
        assert_eq!(connection.dump("again"), dump, "{name}");
        assert_eq!(connection.digest("again"), digest, "{name}");
        if let Some((_, expected)) = DIGESTS.iter().find(|(known, _)| *known == name) {
            differ.extend((digest != *expected).then(|| (name.to_owned(), digest)));
            found += 1;
        }
    }
    assert_eq!(differ, []);
    assert_eq!(found, DIGESTS.len());
}
