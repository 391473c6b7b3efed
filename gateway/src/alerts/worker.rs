//! Takes the alerts of one site to one target.
//!
//! An entry is read, sent and acknowledged, one at a time. What is not acknowledged, because the
//! target did not take it or the gateway died, stays pending in the group; when it has been so for
//! longer than its back-off, one gateway claims it and sends it again. The back-off begins with
//! `alerts.retry`, which is longer than a send may take, and doubles. After `alerts.attempts` the
//! entry is a dead letter: in the stream `{analytics-gateway}:dead-alerts`, and counted.
//!
//! The consumer is the same for all gateways: claiming goes by the time for which an entry is
//! pending, and so there are no names of dead gateways to look after.

use super::message::Alert;
use super::sender::Sender;
use crate::error::ApiError;
use crate::sites::target::{is_there, Target};
use crate::state::AppState;
use crate::store::{entries, entry_list, integer, stream_of, text, StoreError};
use redis::{cmd, Cmd, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const CONSUMER: &str = "gateway";
const DEAD: &str = "{analytics-gateway}:dead-alerts";
const DEAD_KEPT: usize = 1_000;
const LONGEST: Duration = Duration::from_secs(3_600);
const LISTED: usize = 1_000;

pub struct Worker {
    state: AppState,
    sender: Arc<Sender>,
    site: String,
    target: Target,
    stream: String,
    group: String,
}

/// After so many attempts.
fn back_off(first: Duration, attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(30));
    first.saturating_mul(doubled).min(LONGEST)
}

impl Worker {
    pub fn new(state: &AppState, sender: &Arc<Sender>, site: &str, target: &Target) -> Worker {
        Worker {
            state: state.clone(),
            sender: Arc::clone(sender),
            site: String::from(site),
            target: target.clone(),
            stream: stream_of(site, "alerts"),
            group: target.group(),
        }
    }

    /// Until the target is no more.
    pub async fn run(self) {
        let pause = self.state.config.alerts.poll;
        while self.is_wanted() && !self.state.is_draining() {
            match self.turn().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    let (site, error) = (&self.site, &error.message);
                    tracing::warn!(site, %error, "alerts cannot be read");
                }
            }
            sleep(pause).await;
        }
    }

    fn is_wanted(&self) -> bool {
        let sites = self.state.sites.snapshot();
        let site = sites.site(&self.site);
        site.is_some_and(|site| site.alert_targets.contains(&self.target))
    }

    /// Sends what is due; whether there may be more at once.
    async fn turn(&self) -> Result<bool, ApiError> {
        let due = match self.due().await {
            Ok(due) => due,
            Err(error) if is_missing(&error) => return self.make_group().await,
            Err(error) => return Err(error.into()),
        };
        for (id, attempts) in due {
            for (id, fields) in entry_list(self.claim(&id, attempts).await?) {
                self.deliver(&id, &fields, attempts + 1).await;
            }
        }
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(CONSUMER);
        read.arg("COUNT").arg(1);
        read.arg("STREAMS").arg(&self.stream).arg(">");
        let new = entries(self.query(&read).await?);
        for (id, fields) in &new {
            self.deliver(id, fields, 1).await;
        }
        Ok(!new.is_empty())
    }

    async fn query(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.state.redis.query(command).await
    }

    /// Alerts since the target was made are sent, whenever the group is made.
    async fn make_group(&self) -> Result<bool, ApiError> {
        if !is_there(&self.state.redis, &self.site, &self.target.id).await? {
            return Ok(false);
        }
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&self.stream).arg(&self.group);
        create.arg(format!("{}-0", self.target.created));
        match self.query(&create).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(true),
            // No alert has fired yet.
            Err(error) if error.message().contains("requires the key to exist") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Pending entries whose back-off is over, and how often each was sent.
    async fn due(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let first = self.state.config.alerts.retry;
        let mut pending = cmd("XPENDING");
        pending.arg(&self.stream).arg(&self.group);
        pending.arg("IDLE").arg(first.as_millis() as u64);
        pending.arg("-").arg("+").arg(LISTED);
        let Value::Array(rows) = self.query(&pending).await? else {
            return Ok(Vec::new());
        };
        let due = rows.iter().filter_map(|row| {
            let Value::Array(row) = row else { return None };
            let [id, _, idle, attempts] = row.as_slice() else {
                return None;
            };
            let attempts = u32::try_from(integer(attempts)?).ok()?;
            let idle = Duration::from_millis(u64::try_from(integer(idle)?).ok()?);
            let over = idle >= back_off(first, attempts);
            over.then(|| Some((String::from(text(id)?), attempts)))?
        });
        Ok(due.collect())
    }

    /// The entry, unless another gateway has claimed it meanwhile.
    async fn claim(&self, id: &str, attempts: u32) -> Result<Value, StoreError> {
        let least = back_off(self.state.config.alerts.retry, attempts);
        let mut claim = cmd("XCLAIM");
        claim.arg(&self.stream).arg(&self.group).arg(CONSUMER);
        claim.arg(least.as_millis() as u64).arg(id);
        self.query(&claim).await
    }

    async fn deliver(&self, id: &str, fields: &[Value], attempt: u32) {
        let alert = Alert::of_entry(&self.site, fields);
        let message = format!("alert_{}_{id}", self.target.id);
        let kind = self.target.kind.word();
        let metrics = &self.state.metrics;
        match self.sender.send(&self.target, &message, &alert).await {
            Ok(()) => {
                metrics.alert(kind, "sent");
                self.acknowledge(id).await;
            }
            Err(error) => {
                let (site, rule) = (&self.site, &alert.rule);
                tracing::warn!(site, rule, kind, attempt, %error, "an alert is not sent");
                metrics.alert(kind, "failed");
                if attempt >= self.state.config.alerts.attempts {
                    self.bury(id, &alert, &error.to_string()).await;
                    metrics.alert(kind, "dead");
                    self.acknowledge(id).await;
                }
            }
        }
    }

    /// Tries for as long as it takes, for else the alert is sent twice.
    async fn acknowledge(&self, id: &str) {
        let mut done = cmd("XACK");
        done.arg(&self.stream).arg(&self.group).arg(id);
        self.insist(&done).await;
    }

    /// Keeps an alert that its target never took.
    async fn bury(&self, id: &str, alert: &Alert, error: &str) {
        let mut add = cmd("XADD");
        add.arg(DEAD).arg("MAXLEN").arg("~").arg(DEAD_KEPT).arg("*");
        add.arg("site")
            .arg(&self.site)
            .arg("target")
            .arg(&self.target.id);
        add.arg("entry").arg(id).arg("error").arg(error);
        add.arg("alert").arg(alert.json().to_string());
        self.insist(&add).await;
    }

    async fn insist(&self, command: &Cmd) {
        while let Err(error) = self.query(command).await {
            if !error.passes() {
                tracing::error!(%error, "an alert cannot be acknowledged");
                return;
            }
            tracing::warn!(%error, "an alert is acknowledged later");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

fn is_missing(error: &StoreError) -> bool {
    error.code() == Some("NOGROUP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_an_hour() {
        let first = Duration::from_secs(15);
        let seconds = [1, 2, 3, 8, 9, 100].map(|n| back_off(first, n).as_secs());
        assert_eq!(seconds, [15, 30, 60, 1_920, 3_600, 3_600]);
    }
}
