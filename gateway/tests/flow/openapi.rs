//! The OpenAPI document describes what the gateway does: schemathesis asks every operation with what
//! the document allows and with what it does not, and finds no 5xx and no undocumented answer.

use crate::clients::prepared;
use crate::gateway::{site, Gateway, ADMIN};
use crate::http::get;
use crate::redis_server::{folder, RedisServer};
use std::path::Path;
use std::process::Command;

#[test]
fn the_document_covers_what_is_served() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    let document = get(&gateway, "/api/openapi.json").send().json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = &document["paths"];
    for (path, method) in [
        ("/track", "post"),
        ("/api/event", "post"),
        ("/api/v1/sites/{site}/events", "post"),
        ("/api/v1/sites/{site}/events", "get"),
        ("/api/v1/sites/{site}/range", "get"),
        ("/api/v1/sites/{site}/alert-history", "get"),
        ("/api/v1/sites/{site}/retention", "get"),
        ("/api/v1/sites/{site}/funnels/{name}", "get"),
        ("/api/v1/sites/{site}/funnels/{name}", "put"),
        ("/api/v1/sites/{site}/schema", "patch"),
        ("/api/v1/page", "get"),
        ("/api/v1/query", "post"),
        ("/api/v2/query", "post"),
        ("/metrics/timeseries", "get"),
        ("/api/v1/analytics/heatmap", "get"),
    ] {
        let answers = &paths[path][method]["responses"];
        assert!(
            answers["200"].is_object() || answers["202"].is_object(),
            "{path}"
        );
    }
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(python) = prepared("python") else {
        return;
    };
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--public", "true"]);
    redis.ask("ANALYTICS.ALTER shop CUBE event,country CUBE x,y CUBE page,x,y LOG 1000");
    let limits = [
        ("LIMITS__FAILURES_PER_MINUTE", "0"),
        ("SITES__DEFAULT", "shop"),
    ];
    let gateway = Gateway::with(&redis, &limits);
    let folder = folder();
    // Events need the write key; the site that all others ask about is not removed.
    let config = format!(
        r#"
headers = {{ Authorization = "Bearer {ADMIN}" }}

[parameters]
"path.site" = "shop"
"query.site" = "shop"

[[operations]]
include-name = ["POST /track", "POST /api/v1/sites/{{site}}/events"]
headers = {{ Authorization = "Bearer {key}" }}

[[operations]]
include-name = "DELETE /api/v1/sites/{{site}}/settings"
parameters = {{ "path.site" = "gone" }}
"#
    );
    std::fs::write(folder.join("schemathesis.toml"), config).expect("can be written");
    let program = Path::new(&python).with_file_name("schemathesis");
    let output = Command::new(program)
        .current_dir(&folder)
        .arg("run")
        .arg(format!("{}/api/openapi.json", gateway.url()))
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        .args([
            "--checks",
            "content_type_conformance,response_schema_conformance",
        ])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "5"])
        .args([
            "--seed",
            "1",
            "--no-color",
            "--suppress-health-check",
            "all",
        ])
        .output()
        .expect("schemathesis is installed");
    let _ = std::fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(gateway.metric("analytics_panics_total"), 0.0);
}
