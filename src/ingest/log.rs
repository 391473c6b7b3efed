//! The event log of a site: the stream `{site}:events`, to which a command appends the events that it
//! counts. Replicas and the AOF are told each entry with its id, as an `XADD` of its own: what they
//! count themselves they do not append.

use redis_module::raw::RedisModuleString;

use super::arguments::Request;
use crate::api::call;
use crate::api::key::Key;
use crate::api::redis::{bytes_of, Ctx, Failure, Outcome, OwnedString, Words};
use crate::api::stream::{EntryId, Stream};
use crate::store::cluster;
use analytics_core::error::{shown, Error};
use analytics_core::event::log;
use analytics_core::event::log::Log;
use analytics_core::schema::keys::events_stream;

/// The log of one command, open and checked.
pub struct OpenLog<'c> {
    ctx: Ctx<'c>,
    stream: Stream<'c>,
    name: OwnedString,
    log: Log,
}

impl<'c> OpenLog<'c> {
    /// Changes nothing.
    pub fn open(ctx: Ctx<'c>, site: *mut RedisModuleString, log: Log) -> Outcome<OpenLog<'c>> {
        let name = OwnedString::new(&events_stream(bytes_of(site)));
        let stream = Stream::of(Key::for_writing(ctx, name.raw())).map_err(|failure| {
            let name = shown(bytes_of(name.raw()));
            match failure {
                Failure::WrongType => Error::new(format!(
                    "'{name}' does not take the events of the site: it is no stream; delete it, or \
                     switch the log off with ANALYTICS.ALTER ... LOG off"
                ))
                .into(),
                other => other,
            }
        })?;
        if !stream.exists() {
            cluster::refuse_if_bucket_is_elsewhere(ctx, site, name.raw())?;
        }
        Ok(OpenLog {
            ctx,
            stream,
            name,
            log,
        })
    }

    /// Appends the events of these numbers: all, or none.
    pub fn append(&self, words: Words, request: &Request, numbers: &[usize]) -> Outcome {
        let mut ids = Vec::with_capacity(numbers.len());
        for number in numbers {
            let fields = self.fields(words, request, *number);
            let fields: Vec<_> = fields.iter().map(OwnedString::raw).collect();
            let Some(id) = self.stream.append(&fields) else {
                self.take_back(&ids);
                return Err(Error::new(format!(
                    "'{}' does not take the events of the site: its ids are used up; delete it",
                    shown(bytes_of(self.name.raw()))
                ))
                .into());
            };
            ids.push(id);
            // What is trimmed cannot be given back: only once all are in.
            let is_last = ids.len() == numbers.len();
            let trimmed = is_last
                .then(|| self.stream.trim(self.log.entries))
                .flatten();
            let limit = trimmed.map(|len| {
                let len = len.to_string();
                [&b"MAXLEN"[..], b"=", len.as_bytes()].map(OwnedString::new)
            });
            let id = OwnedString::new(id.to_string().as_bytes());
            let mut told = vec![self.name.raw()];
            told.extend(limit.iter().flatten().map(OwnedString::raw));
            told.push(id.raw());
            told.extend(fields);
            self.ctx.replicate(c"XADD", &told);
        }
        Ok(())
    }

    /// Tells of what was appended, once all is done.
    pub fn signal(&self) {
        self.ctx.signal_modified(self.name.raw());
        self.ctx.notify_stream(c"xadd", self.name.raw());
    }

    fn fields(&self, words: Words, request: &Request, number: usize) -> Vec<OwnedString> {
        let mut fields = Vec::new();
        if let Some(event) = request.batch.events.get(number) {
            let identity = request.identity(words, number);
            let say = |name: &[u8], value: &[u8]| {
                fields.extend([name, value].map(OwnedString::new));
            };
            log::write(event, &identity, &request.batch, self.log.users, say);
        }
        fields
    }

    /// Replicas were told of these already.
    fn take_back(&self, ids: &[EntryId]) {
        for id in ids {
            let id = id.to_string();
            call::write(
                self.ctx,
                c"XDEL",
                &[bytes_of(self.name.raw()), id.as_bytes()],
            );
        }
    }
}
