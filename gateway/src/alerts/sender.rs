//! Sends one alert to one target, once, within a time limit.
//!
//! A webhook is signed as Standard Webhooks (https://www.standardwebhooks.com) describes it, so that
//! receivers can check it with a library: HMAC-SHA256 over id, time and body. Every attempt has the
//! same id.

use super::message::Alert;
use crate::config::AlertsConfig;
use crate::sites::target::{secret_bytes, Kind, Target};
use base64::prelude::{Engine, BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use sha2::Sha256;
use std::error::Error;

type Smtp = AsyncSmtpTransport<Tokio1Executor>;
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub struct Sender {
    http: Client,
    mail: Option<(Smtp, Mailbox)>,
}

impl Sender {
    pub fn new(config: &AlertsConfig) -> Result<Sender, Box<dyn Error>> {
        // Another part of the process may have chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(config.timeout)
            .redirect(Policy::none())
            .user_agent(concat!("analytics-gateway/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let mail = match (&config.smtp, &config.from) {
            (Some(url), Some(from)) => {
                let server = Smtp::from_url(url)?.timeout(Some(config.timeout)).build();
                Some((server, from.parse()?))
            }
            _ => None,
        };
        Ok(Sender { http, mail })
    }

    /// Whether it was taken; if not, why.
    pub async fn send(&self, target: &Target, id: &str, alert: &Alert) -> Outcome<()> {
        match target.kind {
            Kind::Webhook => {
                let time = crate::time::now_ms() / 1_000;
                let body = alert.json().to_string();
                let secret = target.secret.as_deref().unwrap_or_default();
                let signature = sign(secret, id, time, &body).ok_or("the secret is none")?;
                let request = self
                    .http
                    .post(&target.address)
                    .header("webhook-id", id)
                    .header("webhook-timestamp", time)
                    .header("webhook-signature", signature);
                post(request, body).await
            }
            Kind::Slack => {
                let request = self.http.post(&target.address);
                post(request, alert.slack().to_string()).await
            }
            Kind::Email => self.mail(target, id, alert).await,
        }
    }

    async fn mail(&self, target: &Target, id: &str, alert: &Alert) -> Outcome<()> {
        let (server, from) = self.mail.as_ref().ok_or("alerts.smtp is not set")?;
        let domain = from.email.domain();
        let message = Message::builder()
            .from(from.clone())
            .to(target.address.parse()?)
            .subject(alert.subject())
            .message_id(Some(format!("<{id}@{domain}>")))
            .body(alert.letter())?;
        server.send(message).await?;
        Ok(())
    }
}

async fn post(request: RequestBuilder, body: String) -> Outcome<()> {
    let sent = request
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .send();
    // Without the URL, which may be a secret.
    let answer = sent.await.map_err(reqwest::Error::without_url)?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the answer is {status}").into()),
    }
}

/// `v1,` and the base64 of the HMAC over `id.time.body`.
fn sign(secret: &str, id: &str, time: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret_bytes(secret)?).ok()?;
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn webhooks_are_signed_as_the_standard_describes_it() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Some(expected));
        assert_eq!(sign("no secret", "a", 1, "b"), None);
    }
}
