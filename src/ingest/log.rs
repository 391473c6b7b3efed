//! The event log of a site: the stream `{site}:events`, to which a command appends the events that it
//! counts. Each entry is replicated with its id, as an `XADD` of its own; a replica appends nothing itself.

use super::arguments::Request;
use crate::api::call;
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::stream::{EntryId, Stream};
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::store::{changes, cluster};
use analytics_core::error::{shown, Error};
use analytics_core::event::log::{self, Log};
use analytics_core::schema::keys::events_stream;

/// The log of one command, checked.
pub struct OpenLog {
    name: OwnedString,
    log: Log,
    /// Entries before this one may be removed.
    keeps_from: Option<EntryId>,
    exists: bool,
}

impl OpenLog {
    /// Changes nothing. `keeps_from`: no entry of this time or a later one is removed.
    pub fn open(
        ctx: Ctx,
        guard: &mut WriteGuard,
        site: StringRef,
        log: Log,
        keeps_from: Option<i64>,
    ) -> Outcome<OpenLog> {
        let keeps_from = keeps_from.and_then(|ms| u64::try_from(ms).ok());
        let name = OwnedString::new(&events_stream(site.bytes()));
        let exists = stream(ctx, guard, &name)?.exists();
        if !exists {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, site, name.get())?;
        }
        Ok(OpenLog {
            name,
            log,
            keeps_from: keeps_from.map(|ms| EntryId { ms, number: 0 }),
            exists,
        })
    }

    /// Whether the stream existed when the log was opened.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Appends the events of these numbers: all, or none.
    pub fn append(
        &self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        words: Words,
        request: &Request,
        numbers: &[usize],
    ) -> Outcome {
        let mut ids = Vec::with_capacity(numbers.len());
        for number in numbers {
            let fields = self.fields(words, request, *number);
            let fields: Vec<_> = fields.iter().map(OwnedString::get).collect();
            let found = stream(ctx, guard, &self.name)?;
            // A stream that foreign code has removed meanwhile is not made again here, for that runs more of it.
            if self.exists && ids.is_empty() && !found.exists() {
                return Err(changes::refusal());
            }
            let Some(id) = found.append(&fields) else {
                self.take_back(ctx, guard, &ids);
                return Err(Error::new(format!(
                    "cannot store the event log: the ids of '{}' are used up; delete it",
                    shown(self.name.bytes())
                ))
                .into());
            };
            ids.push(id);
            // Trimming cannot be undone, so it waits until all entries are appended.
            let is_last = ids.len() == numbers.len();
            let stream = stream(ctx, guard, &self.name).ok().filter(|_| is_last);
            let (trimmed, first) = stream.map_or((None, None), |mut stream| self.trim(&mut stream));
            let limit = trimmed.map(|len| {
                let len = len.to_string();
                [&b"MAXLEN"[..], b"=", len.as_bytes()].map(OwnedString::new)
            });
            let id = OwnedString::new(id.to_string().as_bytes());
            let mut entry = vec![self.name.get()];
            entry.extend(limit.iter().flatten().map(OwnedString::get));
            entry.push(id.get());
            entry.extend(fields);
            ctx.replicate(c"XADD", &entry);
            if let Some(first) = first {
                let first = OwnedString::new(first.to_string().as_bytes());
                let [min, exactly] = [&b"MINID"[..], b"="].map(OwnedString::new);
                let words = [&self.name, &min, &exactly, &first].map(OwnedString::get);
                ctx.replicate(c"XTRIM", &words);
            }
        }
        Ok(())
    }

    /// How many entries are left of too many, and the first that is left of those that are too old: each
    /// where any was removed.
    fn trim(&self, stream: &mut Stream) -> (Option<usize>, Option<EntryId>) {
        let is_bounded = self.log.entries > 0;
        let trimmed = is_bounded.then(|| stream.trim(self.log.entries)).flatten();
        let first = self.keeps_from.and_then(|id| stream.trim_before(id));
        (trimmed, first)
    }

    /// The key of the stream.
    pub fn into_name(self) -> OwnedString {
        self.name
    }

    fn fields(&self, words: Words, request: &Request, number: usize) -> Vec<OwnedString> {
        let mut fields = Vec::new();
        if let Some(event) = request.batch.events.get(number) {
            let identity = request.identity(words, number);
            let push = |name: &[u8], value: &[u8]| {
                fields.extend([name, value].map(OwnedString::new));
            };
            log::write(event, &identity, &request.batch, self.log.users, push);
        }
        fields
    }

    /// Deletes entries that were replicated already.
    fn take_back(&self, ctx: Ctx, guard: &mut WriteGuard, ids: &[EntryId]) {
        for id in ids {
            let id = id.to_string();
            let words = [self.name.bytes(), id.as_bytes()];
            call::replicated(ctx, &mut *guard, c"XDEL", &words);
        }
    }
}

fn stream<'g>(ctx: Ctx, guard: &'g mut WriteGuard, name: &OwnedString) -> Outcome<Stream<'g>> {
    Stream::of(Key::for_writing(ctx, guard, name.get()).into()).map_err(|failure| match failure {
        Failure::WrongType => Error::new(format!(
            "cannot store the event log: '{}' is not a stream; delete it, or switch the log off with \
             ANALYTICS.ALTER ... LOG off",
            shown(name.bytes())
        ))
        .into(),
        other => other,
    })
}
