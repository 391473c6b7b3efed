//! Sites, their keys and tokens: by the command line, seen by a running gateway.

use crate::gateway::{command, site, Gateway, ADMIN};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use serde_json::json;

const EVENT: &str = r#"{"event": "view", "user_id": "ann"}"#;

#[test]
fn keys_and_tokens_open_their_site_only_and_need_no_restart() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    let (key, token) = site(&redis, "shop", &[]);
    let (other_key, other_token) = site(&redis, "blog", &[]);
    gateway.eventually(|| post(&gateway, "/track", EVENT).bearer(&other_key), 200);
    gateway.eventually(|| post(&gateway, "/track", EVENT).bearer(&key), 200);

    let path = "/api/v1/sites/shop/events";
    assert_eq!(
        post(&gateway, path, EVENT).bearer(&other_key).send().status,
        403
    );
    assert_eq!(
        post(&gateway, path, EVENT).bearer(&token).send().status,
        401
    );
    assert_eq!(post(&gateway, path, EVENT).send().status, 401);

    let path = "/api/v1/sites/shop/get?window=24h&metric=events";
    assert_eq!(get(&gateway, path).bearer(&token).send().status, 200);
    assert_eq!(get(&gateway, path).bearer(ADMIN).send().status, 200);
    for wrong in [other_token.as_str(), key.as_str(), "rt_x_y", ""] {
        let answer = get(&gateway, path).bearer(wrong).send();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "unauthorized")
        );
    }
    // Who may not read cannot find out which sites there are.
    let missing = "/api/v1/sites/none/get?window=24h&metric=events";
    let (a, b) = (get(&gateway, missing).send(), get(&gateway, path).send());
    assert_eq!((a.status, &a.text), (b.status, &b.text));
    assert_eq!(get(&gateway, missing).bearer(ADMIN).send().status, 404);

    command(&redis, &["site", "add", "shop", "--public", "true"]).expect("is changed");
    gateway.eventually(|| get(&gateway, path), 200);
    command(&redis, &["site", "add", "shop", "--public", "false"]).expect("is changed");
    gateway.eventually(|| get(&gateway, path), 401);

    let id = key.split('_').nth(1).expect("has an id");
    command(&redis, &["site", "key", "shop", "--remove", id]).expect("is removed");
    gateway.eventually(|| post(&gateway, "/track", EVENT).bearer(&key), 401);
    command(&redis, &["site", "remove", "blog"]).expect("is removed");
    gateway.eventually(|| post(&gateway, "/track", EVENT).bearer(&other_key), 401);
}

#[test]
fn secrets_are_kept_hashed_and_shown_once() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--domain", "shop.example"]);
    let kept = format!("{:?}", redis.ask("HGETALL {analytics-gateway}:sites"));
    assert!(kept.contains("shop.example"));
    let listed = command(&redis, &["site", "list"]).expect("lists");
    for secret in [&key, &token] {
        let mut parts = secret.split('_').skip(1);
        let (id, secret) = (parts.next().expect("id"), parts.next().expect("secret"));
        assert!(kept.contains(id) && listed.contains(id));
        assert!(!kept.contains(secret) && !listed.contains(secret));
    }
}

#[test]
fn what_is_not_given_stays_as_it_is() {
    let redis = RedisServer::start();
    site(
        &redis,
        "shop",
        &["--domain", "a.example", "--ids", "daily", "--goal", "buy"],
    );
    command(&redis, &["site", "add", "shop", "--public", "true"]).expect("is changed");
    let json = command(&redis, &["site", "list", "--json"]).expect("lists");
    let sites: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    let shop = &sites[0];
    assert_eq!(shop["domains"][0], "a.example");
    assert_eq!(shop["id_mode"], "daily");
    assert_eq!(shop["goal"], "buy");
    assert_eq!(shop["public"], true);
    assert_eq!(shop["write_keys"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_wrong_command_is_a_sentence() {
    let redis = RedisServer::start();
    for (words, said) in [
        (&["site", "key", "none"][..], "there is no site 'none'"),
        (&["site", "remove", "none"], "there is no site 'none'"),
        (&["site", "add", "shop", "--tz", "Mars/Base"], "Mars/Base"),
        (&["site", "add", ""], "site"),
    ] {
        let error = command(&redis, words).expect_err("is refused");
        assert!(error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_settings_api_does_what_the_command_line_does() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    let path = "/api/v1/sites/shop/settings";
    let patch = |body: serde_json::Value, token: &str| {
        post(&gateway, path, body.to_string())
            .method("PATCH")
            .header("content-type", "application/json")
            .bearer(token)
            .send()
    };
    assert_eq!(patch(json!({}), "wrong").status, 401);
    assert_eq!(get(&gateway, path).bearer(ADMIN).send().status, 404);
    let settings = json!({"domains": ["shop.example"], "id_mode": "daily", "tz": "Europe/Paris"});
    let answer = patch(settings, ADMIN);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["id_mode"], "daily");
    for (body, said) in [
        (json!({"nothing": 1}), "unknown field"),
        (json!({"id_mode": "weekly"}), "unknown variant"),
    ] {
        let answer = patch(body, ADMIN);
        assert_eq!((answer.status, answer.field().as_str()), (400, "body"));
        assert!(answer.text.contains(said), "{answer:?}");
    }
    let answer = patch(json!({"public": true, "domains": []}), ADMIN);
    assert_eq!(answer.json()["domains"], json!([]));
    assert_eq!(answer.json()["id_mode"], "daily");
    let taken = ["site", "add", "blog", "--domain", "a.example"];
    command(&redis, &taken).expect("is made");
    assert_eq!(
        patch(json!({"domains": ["A.example"]}), ADMIN).field(),
        "domains"
    );

    let secrets = "/api/v1/sites/shop/secrets/keys";
    let made = post(&gateway, secrets, r#"{"label": "till"}"#)
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send();
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let key = made["secret"].as_str().expect("is shown");
    // The gateway that made it takes it at once.
    assert_eq!(
        post(&gateway, "/track", EVENT).bearer(key).send().status,
        200
    );
    let shown = get(&gateway, path).bearer(ADMIN).send();
    assert_eq!(shown.json()["write_keys"][0]["label"], "till");
    assert!(!shown.text.contains("hash"));
    let one = format!("{secrets}/{}", made["id"].as_str().expect("has an id"));
    let removed = get(&gateway, &one).method("DELETE").bearer(ADMIN).send();
    assert_eq!(removed.status, 204);
    assert_eq!(
        post(&gateway, "/track", EVENT).bearer(key).send().status,
        401
    );
    let all = get(&gateway, "/api/v1/sites").bearer(ADMIN).send();
    assert_eq!(all.json().as_array().map(Vec::len), Some(2));
    assert_eq!(get(&gateway, "/api/v1/sites").send().status, 401);
    assert_eq!(
        get(&gateway, path)
            .method("DELETE")
            .bearer(ADMIN)
            .send()
            .status,
        204
    );
    assert_eq!(get(&gateway, path).bearer(ADMIN).send().status, 404);
}
