use proptest::prelude::*;

use super::{read, write};
use crate::event::{Batch, Event, Identity};
use crate::text::Text;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn fields(event: &Event, identity: &Identity, batch: &Batch, users: bool) -> Fields {
    let mut fields = Fields::new();
    write(event, identity, batch, users, |name, text| {
        fields.push((name.to_vec(), text.to_vec()));
    });
    fields
}

fn text(fields: &Fields) -> String {
    let pair = |(name, value): &(Vec<u8>, Vec<u8>)| {
        format!("{}={}", name.escape_ascii(), value.escape_ascii())
    };
    fields.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn reread(fields: &Fields) -> Result<(Batch<'_>, Identity<'_>), String> {
    let mut batch = Batch::default();
    let pairs = fields.iter().map(|(name, text)| (&name[..], &text[..]));
    let identity = read(pairs, &mut batch).map_err(|error| error.to_string())?;
    Ok((batch, identity))
}

#[test]
fn the_fields_are_in_their_order() {
    let mut batch = Batch::default();
    let mut event = batch.begin(1_733_927_467_123);
    event.set_kind(Text::new(b"purchase")).unwrap();
    event.set_user(b"ann").unwrap();
    event.set_session(b"s 1").unwrap();
    event.set_id(b"order\r\n").unwrap();
    let identity = Identity {
        user: b"ann",
        session: Some(b"s 1"),
        id: Some(b"order\r\n"),
    };
    batch
        .add_dimension(&mut event, Text::new(b"country"), b"FR")
        .unwrap();
    for (name, number) in [(&b"revenue"[..], 9.99), (b"count", 5.0)] {
        batch
            .add_value(&mut event, Text::new(name), number)
            .unwrap();
    }
    assert_eq!(
        text(&fields(&event, &identity, &batch, true)),
        r"event=purchase user=ann time=1733927467123 session=s 1 id=order\r\n dim:country=FR val:revenue=9.99 val:count=5"
    );
    // Written down: what is in a stream is read back by later versions.
    assert_eq!(
        text(&fields(&event, &identity, &batch, false)),
        "event=purchase user-hash=f084eb55a7d8ea05 time=1733927467123 \
         session-hash=6e76cb5a7babe5d4 id-hash=0826ec9886c3b250951a16080eebbe8c dim:country=FR val:revenue=9.99 val:count=5"
    );
}

#[test]
fn what_is_no_event_is_refused() {
    let good = [
        ("event", "view"),
        ("user", "ann"),
        ("time", "1733927467000"),
    ];
    let with = |more: &[(&str, &str)]| -> Fields {
        let all = good.iter().chain(more);
        all.map(|(name, text)| (name.as_bytes().to_vec(), text.as_bytes().to_vec()))
            .collect()
    };
    assert!(reread(&with(&[])).is_ok());
    for (name, text) in [
        ("event", "view"),
        ("user", "bob"),
        ("user-hash", "00000000000000ff"),
        ("session", ""),
        ("session-hash", "ff"),
        ("session-hash", "00000000000000FF"),
        ("session-hash", "+0000000000000ff"),
        ("id", ""),
        ("id-hash", "00000000000000ff"),
        ("id-hash", "00000000000000000000000000000000"),
        ("dim:", "x"),
        ("dim:event", "x"),
        ("dim:a=b", "x"),
        ("val:users", "1"),
        ("val:x", "nan"),
        ("val:x", ""),
        ("val:x", "1e999"),
        ("Event", "view"),
        ("", ""),
        ("dim", "x"),
    ] {
        assert!(reread(&with(&[(name, text)])).is_err(), "{name}={text}");
    }
    for missing in 0..good.len() {
        let mut fields = with(&[]);
        let (name, _) = fields.remove(missing);
        let error = reread(&fields).err().unwrap();
        assert!(
            error.contains(std::str::from_utf8(&name).unwrap()),
            "{error}"
        );
    }
    for time in ["", "now", "2024-12-11", "999999999999999999", "1.5"] {
        let mut fields = with(&[]);
        fields[2].1 = time.into();
        assert!(reread(&fields).is_err(), "{time}");
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("grammar", |byte| !b",=&@".contains(byte));
    prop::collection::vec(byte, 4..40)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..60)
}

fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter_map("finite", |x| x.is_finite().then_some(x + 0.0))
}

proptest! {
    /// Any bytes: nothing that a user may send is taken for a field.
    #[test]
    fn an_entry_is_read_back_as_the_event_that_it_was(
        kind in name(),
        (user, session, id) in (bytes(), prop::option::of(bytes()), prop::option::of(bytes())),
        time in 0..4_000_000_000_000_i64,
        dimensions in prop::collection::btree_map(name(), bytes(), 0..4),
        values in prop::collection::btree_map(name(), number(), 0..4),
        users in any::<bool>(),
    ) {
        let mut batch = Batch::default();
        let mut event = batch.begin(time);
        event.set_kind(Text::new(&kind)).unwrap();
        event.set_user(&user).unwrap();
        session.iter().for_each(|it| event.set_session(it).unwrap());
        id.iter().for_each(|it| event.set_id(it).unwrap());
        for (name, value) in &dimensions {
            batch.add_dimension(&mut event, Text::new(name), value).unwrap();
        }
        for (name, number) in &values {
            batch.add_value(&mut event, Text::new(name), *number).unwrap();
        }
        let identity = Identity { user: &user, session: session.as_deref(), id: id.as_deref() };
        let written = fields(&event, &identity, &batch, users);

        let (again, known) = reread(&written).unwrap();
        let back = again.events[0];
        prop_assert_eq!(back.kind, event.kind);
        prop_assert_eq!(
            (back.user, back.session, back.id, back.time),
            (event.user, event.session, event.id, event.time)
        );
        prop_assert_eq!(again.dimensions_of(&back), batch.dimensions_of(&event));
        prop_assert_eq!(again.values_of(&back), batch.values_of(&event));
        prop_assert_eq!(known, if users { identity } else { Identity::default() });
        // And is written again as the same entry, hashed or not.
        prop_assert_eq!(fields(&back, &known, &again, users), written);
    }
}
