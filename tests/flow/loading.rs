//! The module loads, and does so from the redis.conf that users start with.

use testkit::{cmd, Server};

const SHIPPED: &str = include_str!("../../redis.conf");

/// The settings of the shipped file, by name.
fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
}

#[test]
fn the_module_is_loaded_under_its_name() {
    let server = Server::start();
    let modules = server.connection().run("MODULE LIST");
    let names = modules.array().iter().map(|module| module.get("name"));
    // Valkey lists a module of its own, "lua".
    let names: Vec<&str> = names
        .map(|name| name.text())
        .filter(|name| *name != "lua")
        .collect();
    assert_eq!(names, ["analytics"]);
}

#[test]
fn the_shipped_settings_are_accepted_and_are_the_defaults_of_the_module() {
    let ours = |(name, _): &(&str, &str)| name.starts_with("analytics.");
    // The library of this build, a port and an address of the test's own.
    let not_ours = |(name, _): &(&str, &str)| !["loadmodule", "bind", "port"].contains(name);
    let options = shipped()
        .filter(not_ours)
        .fold(Server::with(), |options, (name, value)| {
            options.config(name, value)
        });
    let (configured, default) = (options.start(), Server::start());
    assert_eq!(shipped().filter(ours).count(), 12);
    for (name, value) in shipped().filter(ours) {
        for server in [&configured, &default] {
            let reply = cmd!(server.connection(), "CONFIG", "GET", name);
            assert_eq!(reply.get(name).text(), value, "{name}");
        }
    }
}
