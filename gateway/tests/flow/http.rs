//! Requests as a client sends them.

use crate::gateway::Gateway;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The word for programs of an error.
    pub fn code(&self) -> String {
        String::from(self.json()["error"]["code"].as_str().expect("has a code"))
    }

    pub fn field(&self) -> String {
        String::from(self.json()["error"]["field"].as_str().expect("has a field"))
    }
}

pub struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub fn get(gateway: &Gateway, path: &str) -> Request {
    Request {
        method: "GET",
        url: format!("{}{path}", gateway.url()),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub fn post(gateway: &Gateway, path: &str, body: impl AsRef<[u8]>) -> Request {
    Request {
        method: "POST",
        body: body.as_ref().to_vec(),
        ..get(gateway, path)
    }
}

impl Request {
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((String::from(name), String::from(value)));
        self
    }

    pub fn bearer(self, token: &str) -> Request {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn method(mut self, method: &'static str) -> Request {
        self.method = method;
        self
    }

    pub fn send(self) -> Answer {
        let url = self.url.clone();
        self.try_send()
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    pub fn try_send(self) -> Result<Answer, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let mut request = ureq::http::Request::builder()
            .method(self.method)
            .uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(self.body).map_err(|error| error.to_string())?;
        let mut response = agent.run(request).map_err(|error| error.to_string())?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect();
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            text: response
                .body_mut()
                .read_to_string()
                .map_err(|error| error.to_string())?,
        })
    }
}
