//! The way of events into Redis.
//!
//! A request's events are one job, and one command: `TRACK` for one event, `MTRACK` for more, so
//! that each request has its own answer. Jobs of one site and worker go out together as one pipeline;
//! while it is under way, what comes meanwhile is the next. A job is answered when Redis has replied.
//!
//! Every event has an id and a time. So a job whose reply is missing, because the connection broke
//! or the server did not take it, is sent again until its deadline, and counts once. The same goes
//! for a job that too few replicas have confirmed, where the operator asks for them.
//!
//! What waits is bounded in events and bytes; beyond, a job is refused at once.

use super::event::Event;
use crate::config::IngestConfig;
use crate::error::{ApiError, ApiResult};
use crate::metrics::Metrics;
use crate::store::{integer, Failure, Redis, StoreError};
use crate::workers::PerWorker;
use redis::{cmd, pipe, Cmd, RedisResult, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, Notify};
use tokio::time::{sleep, sleep_until, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const REPLICA_WAIT: Duration = Duration::from_secs(1);

/// What to do when the module refuses one event of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None of the job's events counts, and the answer has the reason.
    Whole,
    /// The others count: an answer of the protocol has no place to name the wrong one.
    Each,
}

struct Job {
    events: Vec<Event>,
    refusal: Refusal,
    deadline: Instant,
    bytes: usize,
    /// Whether it was sent before, without a reply.
    uncertain: bool,
    answer: Option<oneshot::Sender<ApiResult<u64>>>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    events: usize,
    /// Notified when there are as many events as a batch has.
    enough: Arc<Notify>,
}

/// Of sites with a task that sends; no entry, no task.
type Queues = HashMap<String, Queue>;

pub struct Sink {
    shared: Arc<Shared>,
}

struct Shared {
    redis: Redis,
    metrics: Arc<Metrics>,
    config: IngestConfig,
    /// Those of each worker, so that a request and the task that sends its events share a thread.
    queues: PerWorker<Mutex<Queues>>,
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// Whether the module takes `PASSIVE`.
    passive: AtomicBool,
}

impl Sink {
    /// With queues for so many workers.
    pub fn new(config: &IngestConfig, redis: Redis, metrics: Arc<Metrics>, workers: usize) -> Sink {
        let own = (0..workers).map(|_| Mutex::default());
        let queues = PerWorker::new(own.collect(), Mutex::default());
        Sink {
            shared: Arc::new(Shared {
                redis,
                metrics,
                config: config.clone(),
                queues,
                events: AtomicUsize::new(0),
                bytes: AtomicUsize::new(0),
                passive: AtomicBool::new(false),
            }),
        }
    }

    /// Puts the events into the queue and waits until they are counted; how many were. The others
    /// are ones whose id had been seen, or that are older than everything that is kept.
    pub async fn count(&self, site: &str, events: Vec<Event>, refusal: Refusal) -> ApiResult<u64> {
        if events.is_empty() {
            return Ok(0);
        }
        let (sender, receiver) = oneshot::channel();
        self.enqueue(site, events, refusal, Some(sender))?;
        // It comes by the deadline, or soon after: a command that has no reply ends by itself.
        receiver.await.unwrap_or_else(|_| Err(too_late()))
    }

    /// Puts the events into the queue and does not wait.
    pub fn queue(&self, site: &str, events: Vec<Event>) -> ApiResult<()> {
        if events.is_empty() {
            return Ok(());
        }
        self.enqueue(site, events, Refusal::Each, None)
    }

    fn enqueue(
        &self,
        site: &str,
        events: Vec<Event>,
        refusal: Refusal,
        answer: Option<oneshot::Sender<ApiResult<u64>>>,
    ) -> ApiResult<()> {
        let shared = &self.shared;
        let (count, bytes) = (events.len(), events.iter().map(Event::bytes).sum());
        shared.reserve(count, bytes)?;
        let deadline = Instant::now() + shared.config.deadline;
        let job = Job {
            events,
            refusal,
            deadline,
            bytes,
            uncertain: false,
            answer,
        };
        let mut queues = shared.queues();
        if let Some(queue) = queues.get_mut(site) {
            queue.events += count;
            queue.jobs.push_back(job);
            if queue.events >= shared.config.batch_events {
                queue.enough.notify_one();
            }
        } else {
            let mut queue = Queue {
                events: count,
                ..Queue::default()
            };
            queue.jobs.push_back(job);
            queues.insert(String::from(site), queue);
            tokio::spawn(send_all(Arc::clone(shared), String::from(site)));
        }
        Ok(())
    }

    /// Events that wait or are under way.
    pub fn waiting(&self) -> usize {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// Looks what the module can do.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let help = self
            .shared
            .redis
            .query(cmd("ANALYTICS.HELP").arg("ANALYTICS.TRACK"))
            .await?;
        let passive = format!("{help:?}").contains("PASSIVE");
        self.shared.passive.store(passive, Ordering::Relaxed);
        Ok(())
    }
}

fn too_late() -> ApiError {
    ApiError::unavailable("the store does not take events now; try again", 1)
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        let queues = self.queues.here().lock();
        queues.unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, events: usize, bytes: usize) -> ApiResult<()> {
        let most_bytes = usize::try_from(self.config.queue_bytes.as_u64()).unwrap_or(usize::MAX);
        let events_after = self.events.fetch_add(events, Ordering::Relaxed) + events;
        let bytes_after = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if events_after > self.config.queue_events || bytes_after > most_bytes {
            self.events.fetch_sub(events, Ordering::Relaxed);
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.metrics.drop_events("queue_full", events as u64);
            return Err(ApiError::unavailable("the queue is full", 1));
        }
        self.show();
        Ok(())
    }

    fn release(&self, job: &Job) {
        self.events.fetch_sub(job.events.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(job.bytes, Ordering::Relaxed);
        self.show();
    }

    fn show(&self) {
        let events = self.events.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.metrics.queue_events.set(events as i64);
        self.metrics.queue_bytes.set(bytes as i64);
    }

    fn finish(&self, mut job: Job, answer: ApiResult<u64>) {
        self.release(&job);
        if let Some(sender) = job.answer.take() {
            // The client may be gone.
            let _ = sender.send(answer);
        }
    }

    fn give_up(&self, job: Job, reason: &'static str, error: ApiError) {
        self.metrics.drop_events(reason, job.events.len() as u64);
        self.finish(job, Err(error));
    }

    /// The next batch: whole jobs, up to so many events. None when nothing waits, and then the
    /// queue is gone and the task that asked ends.
    fn take(&self, site: &str) -> Option<Vec<Job>> {
        let mut queues = self.queues();
        let queue = queues.get_mut(site)?;
        let mut batch = Vec::new();
        let mut events = 0;
        while let Some(next) = queue.jobs.front() {
            let full = events + next.events.len() > self.config.batch_events;
            if full && !batch.is_empty() {
                break;
            }
            events += next.events.len();
            batch.extend(queue.jobs.pop_front());
        }
        queue.events -= events;
        if batch.is_empty() {
            queues.remove(site);
            return None;
        }
        Some(batch)
    }

    fn command(&self, site: &str, events: &[Event]) -> Cmd {
        let passive = self.passive.load(Ordering::Relaxed);
        let words: usize = events.iter().map(|event| 1 + event.words()).sum();
        let bytes: usize = events.iter().map(Event::bytes).sum();
        let mut track = Cmd::with_capacity(2 + words, bytes);
        if let [event] = events {
            track.arg("ANALYTICS.TRACK").arg(site);
            event.append_to(&mut track, passive);
            return track;
        }
        track.arg("ANALYTICS.MTRACK").arg(site);
        for event in events {
            track.arg("EVENT");
            event.append_to(&mut track, passive);
        }
        track
    }

    /// A reply for each command, or the error of all.
    async fn send(&self, commands: Vec<Cmd>) -> Result<Vec<RedisResult<Value>>, StoreError> {
        let mut pipeline = pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        let replicas = self.config.replicas;
        if replicas > 0 {
            // Of the same connection, so that it waits for these commands: also for events that
            // counted before and are sent again, for WAIT goes by the whole stream of the master.
            pipeline.cmd("WAIT").arg(replicas).arg(self.replica_wait());
        }
        let begun = Instant::now();
        let replies = self.redis.pipeline(&mut pipeline).await;
        self.metrics.redis_took("track", begun.elapsed());
        let mut replies = replies?;
        if replicas > 0 {
            confirmed(replies.pop(), replicas)?;
        }
        Ok(replies)
    }

    /// For how many milliseconds replicas are waited for: less than a reply may take.
    fn replica_wait(&self) -> u64 {
        let most = self.redis.response_timeout() / 2;
        most.min(REPLICA_WAIT).as_millis().max(1) as u64
    }
}

/// Whether so many replicas have confirmed, by the reply of `WAIT`.
fn confirmed(reply: Option<RedisResult<Value>>, replicas: usize) -> Result<(), StoreError> {
    match reply {
        Some(Ok(count)) if integer(&count).is_some_and(|n| n >= replicas as i64) => Ok(()),
        Some(Err(error)) => match StoreError::from(error) {
            error if error.failure == Failure::Setup => Err(error),
            // A server that has become a replica takes no WAIT, and has taken no events.
            _ => Err(StoreError::unconfirmed()),
        },
        _ => Err(StoreError::unconfirmed()),
    }
}

/// Sends what a site's queue has until it is empty.
async fn send_all(shared: Arc<Shared>, site: String) {
    loop {
        wait_for_more(&shared, &site).await;
        let Some(batch) = shared.take(&site) else {
            return;
        };
        send_batch(&shared, &site, batch).await;
    }
}

/// The first job of a batch waits for others, if the operator wants it to.
async fn wait_for_more(shared: &Shared, site: &str) {
    let wait = shared.config.batch_wait;
    if wait.is_zero() {
        return;
    }
    let (enough, until) = {
        let queues = shared.queues();
        let Some(queue) = queues.get(site) else {
            return;
        };
        let Some(first) = queue.jobs.front() else {
            return;
        };
        if queue.events >= shared.config.batch_events {
            return;
        }
        let came = first.deadline - shared.config.deadline;
        (Arc::clone(&queue.enough), came + wait)
    };
    tokio::select! {
        () = enough.notified() => {}
        () = sleep_until(until) => {}
    }
}

/// Sends a batch again and again until every job of it has an answer.
async fn send_batch(shared: &Shared, site: &str, mut jobs: Vec<Job>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let now = Instant::now();
        for job in std::mem::take(&mut jobs) {
            if job.deadline <= now {
                shared.give_up(job, "deadline", too_late());
            } else {
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return;
        }
        let commands = jobs.iter().map(|job| shared.command(site, &job.events));
        match shared.send(commands.collect()).await {
            Ok(replies) => jobs = answer(shared, site, jobs, replies).await,
            Err(error) if error.passes() => {
                tracing::warn!(site, %error, "events are sent again");
                let uncertain = error.failure == Failure::Unknown;
                jobs.iter_mut().for_each(|job| job.uncertain |= uncertain);
            }
            Err(error) => {
                let error = ApiError::from(error);
                for job in jobs {
                    shared.give_up(job, "refused", error.clone());
                }
                return;
            }
        }
        if jobs.is_empty() {
            return;
        }
        shared.metrics.retries.inc();
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Answers the jobs by their replies; what has to be sent again comes back.
async fn answer(
    shared: &Shared,
    site: &str,
    jobs: Vec<Job>,
    replies: Vec<RedisResult<Value>>,
) -> Vec<Job> {
    let mut again = Vec::new();
    let mut replies = replies.into_iter();
    for mut job in jobs {
        let reply = replies.next().map(|reply| reply.map_err(StoreError::from));
        match reply {
            Some(Ok(value)) => {
                let counted = counted(&job, integer(&value));
                shared.finish(job, Ok(counted));
            }
            Some(Err(error)) if error.passes() => {
                tracing::warn!(site, %error, "events are sent again");
                job.uncertain |= error.failure == Failure::Unknown;
                again.push(job);
            }
            Some(Err(error)) if is_refused_in_part(&job, &error) => {
                again.extend(one_by_one(shared, site, job).await);
            }
            Some(Err(error)) => shared.give_up(job, "refused", ApiError::from(error)),
            None => {
                job.uncertain = true;
                again.push(job);
            }
        }
    }
    again
}

fn is_refused_in_part(job: &Job, error: &StoreError) -> bool {
    error.failure == Failure::Refused && job.refusal == Refusal::Each
}

/// An event that was sent before may have counted then, and the reply is 0 now.
fn counted(job: &Job, reply: Option<i64>) -> u64 {
    if job.uncertain {
        return job.events.len() as u64;
    }
    reply.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// Sends each event of a job by itself, so that one that is refused does not take the others
/// along; and what is refused once more without its own properties, which may be more than the site
/// takes. The job comes back if some of it has to be sent again.
async fn one_by_one(shared: &Shared, site: &str, mut job: Job) -> Option<Job> {
    let mut counted = 0;
    let mut left = job.events.clone();
    for without_properties in [false, true] {
        if without_properties {
            left.iter_mut().for_each(Event::drop_properties);
        }
        let single = |event| shared.command(site, std::slice::from_ref(event));
        let Ok(replies) = shared.send(left.iter().map(single).collect()).await else {
            job.uncertain = true;
            return Some(job);
        };
        let mut refused = Vec::new();
        for (event, reply) in left.into_iter().zip(replies) {
            match reply.map_err(StoreError::from) {
                Ok(value) => counted += integer(&value).unwrap_or(0).max(0) as u64,
                Err(error) if error.passes() => {
                    job.uncertain = true;
                    return Some(job);
                }
                Err(error) => {
                    tracing::debug!(site, %error, "an event is refused");
                    refused.push(event);
                }
            }
        }
        left = refused;
    }
    shared.metrics.drop_events("refused", left.len() as u64);
    shared.finish(job, Ok(counted));
    None
}
