//! `ANALYTICS.HELP [command]`: the commands and their arguments, in lines, like the `HELP` subcommands of
//! Redis.

use super::COMMANDS;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use analytics_core::error::{shown, Error};
use analytics_core::text::nearest::did_you_mean;
use analytics_core::text::syntax::{line, Argument};

pub const COMMAND: Command = Command {
    name: c"analytics.help",
    summary: c"Lists the commands, or describes one of them",
    since: c"0.1.0",
    complexity: c"O(1)",
    tips: None,
    access: Access::Nothing,
    is_fast: true,
    arguments: &[Argument::text(c"command").optional()],
    run: entry!(help),
};

fn help(ctx: Ctx, words: Words) -> Outcome {
    let lines = match words.len() {
        1 => help_of_all(),
        2 => help_of(find(words.get(1).unwrap_or_default())?),
        _ => return Err(Failure::WrongArity),
    };
    ctx.reply_array(lines.len());
    lines.iter().for_each(|line| ctx.reply_line(line));
    Ok(())
}

fn help_of_all() -> Vec<String> {
    let title = "ANALYTICS.<command> [<arg> ...]. Commands are:";
    let commands = COMMANDS
        .iter()
        .flat_map(|command| [syntax(command), indented(command.summary.to_bytes())]);
    std::iter::once(title.to_owned()).chain(commands).collect()
}

fn help_of(command: &Command) -> Vec<String> {
    vec![
        syntax(command),
        indented(command.summary.to_bytes()),
        indented(command.complexity.to_bytes()),
    ]
}

fn syntax(command: &Command) -> String {
    line(&command.name.to_string_lossy(), command.arguments)
}

fn indented(text: &[u8]) -> String {
    format!("    {}.", String::from_utf8_lossy(text))
}

/// By its name, with `ANALYTICS.` in front or without.
fn find(word: &[u8]) -> Result<&'static Command, Error> {
    let name = bare(word);
    let named = |command: &&&Command| bare_name(command).eq_ignore_ascii_case(name);
    COMMANDS.iter().find(named).copied().ok_or_else(|| {
        let names = COMMANDS.iter().map(|command| bare_name(command));
        Error::new(format!(
            "there is no command '{}'; ANALYTICS.HELP lists all{}",
            shown(word),
            did_you_mean(name, names)
        ))
    })
}

const PREFIX: &[u8] = b"analytics.";

fn bare(word: &[u8]) -> &[u8] {
    match word.split_at_checked(PREFIX.len()) {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
        _ => word,
    }
}

fn bare_name(command: &Command) -> &'static [u8] {
    bare(command.name.to_bytes())
}
