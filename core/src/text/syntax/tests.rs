use super::line::options;
use super::*;

const NAME: Argument = Argument::text(c"name");
const COLOUR: Argument = Argument::one_of(c"colour", &[RED, RGB]);
const RED: Argument = Argument::token(c"red", c"RED");
const RGB: Argument = Argument::block(c"mixed", &[Argument::integer(c"rgb")]).behind(c"RGB");
const TAG: Argument = Argument::block(
    c"tag",
    &[NAME, Argument::token(c"twice", c"TWICE").optional()],
)
.behind(c"TAG")
.optional()
.multiple();
const CLOCK: Argument = Argument::integer(c"ms")
    .behind(c"CLOCK")
    .optional()
    .internal();

#[test]
fn a_line_shows_what_is_optional_repeated_and_chosen() {
    for (arguments, expected) in [
        (&[][..], "X"),
        (&[Argument::SITE], "X site"),
        (&[Argument::SITE, NAME.multiple()], "X site name [name ...]"),
        (
            &[NAME.behind(c"AS").optional(), TAG],
            "X [AS name] [TAG name [TWICE]]...",
        ),
        (&[CLOCK, COLOUR], "X RED|RGB rgb"),
        (&[COLOUR.behind(c"IN").optional()], "X [IN RED|RGB rgb]"),
        (
            &[Argument::block(c"pair", &[NAME, TAG])
                .behind(c"PAIR")
                .multiple()],
            "X PAIR name [TAG name [TWICE]]... [PAIR ...]",
        ),
    ] {
        assert_eq!(line("x", arguments), expected);
    }
}

#[test]
fn options_are_listed_as_they_are_given_once() {
    assert_eq!(
        options(&[Argument::SITE, CLOCK, TAG, COLOUR.behind(c"IN").optional()]),
        "TAG name [TWICE], IN RED|RGB rgb"
    );
}

#[test]
fn the_arity_counts_the_name_and_what_must_be_there() {
    for (arguments, expected) in [
        (&[][..], 1),
        (&[Argument::SITE, NAME], 3),
        (&[Argument::SITE, NAME.multiple()], -3),
        (&[Argument::SITE, NAME.optional()], -2),
        (&[Argument::SITE, CLOCK], -2),
        (&[NAME.behind(c"AS"), RED], 4),
        (&[COLOUR], -2),
        (&[Argument::one_of(c"colour", &[RED, NAME])], 2),
        (&[Argument::block(c"tag", &[TAG, NAME])], -2),
    ] {
        assert_eq!(arity(arguments), expected, "{}", line("x", arguments));
    }
}

#[test]
fn a_token_matches_in_any_case() {
    assert!(CLOCK.is(b"clock") && CLOCK.is(b"CLocK"));
    assert!(!CLOCK.is(b"clocks") && !CLOCK.is(b"CLOCK\0") && !NAME.is(b"name"));
}
