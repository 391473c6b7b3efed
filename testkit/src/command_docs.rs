//! The commands of the module as `COMMAND DOCS` describes them.

use std::collections::BTreeMap;

use crate::connection::Connection;
use crate::reply::Reply;

pub struct Command {
    pub summary: String,
    pub arguments: Vec<Argument>,
}

/// By their names, in capitals.
pub fn commands(connection: &mut Connection) -> BTreeMap<String, Command> {
    let names = connection.run("COMMAND LIST FILTERBY MODULE analytics");
    let described = names.texts().into_iter().map(|name| {
        let docs = connection.run(&format!("COMMAND DOCS {name}"));
        let docs = docs.get(name);
        assert!(docs.get("complexity").text().starts_with("O("), "{name}");
        assert_eq!(*docs.get("since"), "0.1.0");
        let command = Command {
            summary: docs.get("summary").text().to_owned(),
            arguments: arguments(docs.get("arguments")),
        };
        (name.to_uppercase(), command)
    });
    described.collect()
}

/// An argument as `COMMAND DOCS` describes it.
pub struct Argument {
    pub name: String,
    pub kind: String,
    pub token: Option<String>,
    pub optional: bool,
    pub multiple: bool,
    pub parts: Vec<Argument>,
}

impl Argument {
    fn of(reply: &Reply) -> Argument {
        let fields = reply.fields();
        let field = |name: &str| fields.iter().find(|(field, _)| *field == name);
        let text = |name: &str| field(name).map(|(_, value)| value.text().to_owned());
        let flags = field("flags").map_or(Vec::new(), |(_, flags)| flags.texts());
        Argument {
            name: text("name").expect("a name"),
            kind: text("type").expect("a type"),
            token: text("token"),
            optional: flags.contains(&"optional"),
            multiple: flags.contains(&"multiple"),
            parts: field("arguments").map_or(Vec::new(), |(_, parts)| arguments(parts)),
        }
    }

    /// As it is given once.
    pub fn once(&self) -> String {
        let inner = match self.kind.as_str() {
            "pure-token" => String::new(),
            "block" => line(&self.parts),
            "oneof" => self
                .parts
                .iter()
                .map(Argument::once)
                .collect::<Vec<_>>()
                .join("|"),
            _ => self.name.clone(),
        };
        let words = [self.token.clone().unwrap_or_default(), inner];
        words.join(" ").trim().to_owned()
    }

    fn shown(&self) -> String {
        let once = self.once();
        let head = self.token.as_ref().unwrap_or(&self.name);
        match (self.optional, self.multiple) {
            (false, false) => once,
            (false, true) => format!("{once} [{head} ...]"),
            (true, false) => format!("[{once}]"),
            (true, true) => format!("[{once}]..."),
        }
    }
}

fn arguments(reply: &Reply) -> Vec<Argument> {
    reply.array().iter().map(Argument::of).collect()
}

pub fn line(arguments: &[Argument]) -> String {
    let shown: Vec<String> = arguments.iter().map(Argument::shown).collect();
    shown.join(" ")
}
