//! What is handed on: the tarball of `make package` starts where it is unpacked, `make install` puts the
//! module where its redis.conf says, and both have the pages and programs that the README links to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docs::check_links;
use testkit::programs::{printed, run};
use testkit::project::project_file;
use testkit::{module_file, Server};

/// What is handed on as it stands, beside the folders.
const TEXTS: [&str; 3] = ["CHANGELOG.md", "LICENSE", "README.md"];
const FOLDERS: [&str; 3] = ["docs", "examples", "scripts"];
/// The scripts that work without the sources.
const SCRIPTS: [&str; 3] = ["clients", "metrics", "migrate"];

/// A command of the project, with the module under test as what was built.
fn command(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(words)
        .current_dir(project_file(""))
        .env("MODULE", module_file())
        // Of the make that runs the tests.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL");
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The names of what a package has, with these files.
fn with<'n>(files: &[&'n str]) -> Vec<&'n str> {
    let mut names = [&TEXTS[..], &FOLDERS, files].concat();
    names.sort_unstable();
    names
}

/// The files of a folder of the project, without the folders in it.
fn files(folder: &str) -> Vec<String> {
    let mut files = names(&project_file(folder));
    files.retain(|name| project_file(folder).join(name).is_file());
    files
}

/// The pages are there with all that they link to, and with the programs that they speak of.
fn assert_documented(folder: &Path) {
    for file in TEXTS {
        let packed = fs::read(folder.join(file)).expect("a file of the package");
        assert_eq!(
            packed,
            fs::read(project_file(file)).expect("a file"),
            "{file}"
        );
    }
    assert_eq!(names(&folder.join("docs")), files("docs"));
    assert_eq!(names(&folder.join("examples")), files("examples"));
    assert_eq!(names(&folder.join("scripts")), SCRIPTS);
    for script in SCRIPTS {
        let file = fs::metadata(folder.join("scripts").join(script)).expect("a script");
        assert_eq!(file.permissions().mode() & 0o777, 0o755, "{script}");
    }
    assert!(check_links(&folder.join("README.md")) > 10);
    let pages = names(&folder.join("docs"))
        .into_iter()
        .filter(|name| name.ends_with(".md"));
    for page in pages.map(|page| format!("docs/{page}")) {
        check_links(&folder.join(page));
    }
    check_links(&folder.join("CHANGELOG.md"));
    check_links(&folder.join("examples/README.md"));
}

fn loaded_from(file: &Path) -> String {
    let settings = fs::read_to_string(file).expect("a redis.conf");
    let mut lines = settings.lines();
    let line = lines.find_map(|line| line.strip_prefix("loadmodule "));
    line.expect("a line that loads the module").to_owned()
}

/// As `MODULE LIST` shows the version of Cargo.toml.
fn version() -> i64 {
    let parts = env!("CARGO_PKG_VERSION").split(['.', '-', '+']).take(3);
    parts.fold(0, |number, part| {
        number * 100 + part.parse::<i64>().expect("a number")
    })
}

/// A server that starts in this folder, with the redis.conf that is there.
fn started_in(folder: &Path) -> Server {
    Server::with()
        .without_module()
        .config("dir", &folder.display().to_string())
        .config("include", &folder.join("redis.conf").display().to_string())
        .start()
}

fn assert_serves(server: &Server) {
    let mut connection = server.connection();
    let modules = connection.run("MODULE LIST");
    // Valkey lists a module of its own, too.
    let mut modules = modules.array().iter();
    let ours = modules.find(|module| module.get("name").text() == "analytics");
    let ours = ours.expect("the module is loaded");
    assert_eq!(ours.get("ver").int(), version());
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 24h"), 1);
    // Something that only the file sets.
    let policy = connection.run("CONFIG GET maxmemory-policy");
    assert_eq!(policy.texts(), ["maxmemory-policy", "volatile-ttl"]);
}

#[test]
fn the_tarball_starts_where_it_is_unpacked() {
    // Its folder, and the log of what goes wrong.
    let place = Server::start();
    let mut package = command("scripts/package", &[]);
    package.env("CARGO_TARGET_DIR", place.dir());
    let tarball = PathBuf::from(printed(package).trim());
    let name = format!(
        "redis-analytics-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    assert_eq!(tarball, place.dir().join(format!("package/{name}.tar.gz")));

    let elsewhere = place.dir().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a new folder");
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(tarball).arg("-C").arg(&elsewhere);
    printed(unpack);
    let unpacked = elsewhere.join(name);
    assert_eq!(names(&elsewhere).len(), 1);
    let more = ["libredis_analytics.so", "redis.conf"];
    assert_eq!(names(&unpacked), with(&more));
    assert_documented(&unpacked);
    assert_serves(&started_in(&unpacked));
}

#[test]
fn make_install_puts_the_module_where_its_settings_say() {
    let place = Server::start();
    let root = place.dir().join("root");
    let destdir = format!("DESTDIR={}", root.display());
    // Over an older one that a server may run on.
    for _ in 0..2 {
        let install = command(
            "make",
            &["--no-print-directory", "install", &destdir, "PREFIX=/usr"],
        );
        let said = printed(install);
        let line = "loadmodule /usr/lib/redis/modules/libredis_analytics.so";
        assert!(said.lines().any(|said| said.trim() == line), "{said}");
    }
    let docs = root.join("usr/share/doc/redis-analytics");
    assert_eq!(names(&docs), with(&["redis.conf"]));
    assert_documented(&docs);
    let path = loaded_from(&docs.join("redis.conf"));
    assert_eq!(path, "/usr/lib/redis/modules/libredis_analytics.so");
    let installed = root.join(path.trim_start_matches('/'));
    let mode = fs::metadata(&installed)
        .expect("the module")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    let server = Server::with()
        .without_module()
        .config("maxmemory-policy", "volatile-ttl")
        .config("loadmodule", &installed.display().to_string())
        .start();
    assert_serves(&server);
}

#[test]
fn an_impossible_installation_names_the_reason() {
    let place = Server::start();
    let nowhere = place.dir().join("nowhere.so");
    for script in ["scripts/package", "scripts/install"] {
        let mut without = command(script, &["", "/usr"]);
        without
            .env("MODULE", &nowhere)
            .env("CARGO_TARGET_DIR", place.dir());
        let output = run(without);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{script}");
        assert!(said.contains("run make build first"), "{script}: {said}");
    }
    let output = run(command("scripts/install", &["", "usr"]));
    assert!(!output.status.success());
    assert!(!project_file("usr").exists());
}
