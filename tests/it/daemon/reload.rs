//! Reloading: all or nothing, and the newest wins.

use maglevd::demo::Mood;
use maglevd::reload::{ReloadError, Source};

use crate::support::site::{AMS, FRA, LON, Site, file, frontend, table};

#[tokio::test]
async fn a_reload_changes_exactly_what_the_file_changed() {
    let mut site = Site::new().await;
    let port = site.farm.port();
    let (www, api) = (frontend("www", 80, "ams: {}, fra: {}"), frontend("api", 81, "fra: {}, lon: {}"));
    site.write(&file(port, &format!("{www}{api}")));
    site.start();
    let both = [(80, [(AMS, 100), (FRA, 100)]), (81, [(FRA, 100), (LON, 100)])];
    site.until_table("both are programmed", &table(&both.each_ref().map(|(last, s)| (*last, s.as_slice()))))
        .await;
    let before = site.vpp.writes().len();

    // A rename is no news to VPP; a weight is one call; a frontend goes and another comes.
    let www = frontend("renamed", 80, "ams: {}, fra: { weight: 10 }");
    let shop = frontend("shop", 82, "lon: {}");
    site.reload(&file(port, &format!("{www}{shop}"))).await.unwrap();
    site.until_table("the new file rules", &table(&[(80, &[(AMS, 100), (FRA, 10)]), (82, &[(LON, 100)])]))
        .await;
    let lines: Vec<String> = site.vpp.writes()[before..].iter().map(ToString::to_string).collect();
    assert_eq!(lines.iter().filter(|line| line.contains("203.0.113.80")).count(), 1, "{lines:#?}");
    assert!(lines.contains(&"del-vip 203.0.113.81 tcp/80".to_owned()), "{lines:#?}");
    assert_eq!(site.count("backend-transition"), 3, "verdicts are kept");
}

#[tokio::test]
async fn a_bad_file_is_refused_in_full_and_the_daemon_works_on() {
    let mut site = Site::new().await;
    let port = site.farm.port();
    let good = file(port, &frontend("www", 80, "ams: {}, fra: {}"));
    site.write(&good);
    site.start();
    let wanted = table(&[(80, &[(AMS, 100), (FRA, 100)])]);
    site.until_table("it is programmed", &wanted).await;
    let before = site.vpp.writes().len();

    let refusal = |result: Result<(), ReloadError>| match result {
        Err(ReloadError::Refused { refused, .. }) => refused,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let unknown_key = good.replace("sync-interval", "sink-interval");
    let refused = refusal(site.reload(&unknown_key).await);
    assert_eq!(refused.kind, "structural");
    assert!(refused.err.contains("sync-interval"), "{refused}");
    let two_mistakes = good.replace("ams: {}", "oslo: {}").replace("fra: {}", "bonn: {}");
    let refused = refusal(site.reload(&two_mistakes).await);
    assert_eq!(refused.kind, "semantic");
    assert!(refused.err.contains("oslo") && refused.err.contains("bonn"), "{refused}");
    let missing = Source::File("/nonexistent/maglev.yaml".into());
    let refused = refusal(site.reload_with(missing, false).await);
    assert_eq!(refused.kind, "read");
    assert!(refused.err.contains("/nonexistent/maglev.yaml"), "{refused}");
    assert_eq!(site.count("config-check-failed"), 3);
    assert_eq!(site.vpp.writes().len(), before);

    site.farm.set(0, Mood::Gone);
    site.until_table("ams is out", &table(&[(80, &[(AMS, 0), (FRA, 100)])])).await;
}

#[tokio::test]
async fn an_emptied_file_is_refused_unless_it_is_forced() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site.start();
    site.until_table("it is programmed", &table(&[(80, &[(AMS, 100), (FRA, 100)])])).await;
    let empty = || Source::Bytes { name: "request".to_owned(), bytes: b"maglev: {}".to_vec() };
    let Err(ReloadError::Refused { refused, .. }) = site.reload_with(empty(), false).await else {
        panic!("an emptied file is not a wish")
    };
    assert_eq!(refused.kind, "semantic");
    site.reload_with(empty(), true).await.unwrap();
    site.until("nothing is configured", |view| view.frontends.is_empty()).await;
}

#[tokio::test]
async fn of_many_reloads_at_once_the_newest_is_in_force_at_the_end() {
    let mut site = Site::new().await;
    let port = site.farm.port();
    let weighing = |weight: usize| file(port, &frontend("www", 80, &format!("ams: {{ weight: {weight} }}")));
    site.write(&weighing(1));
    site.start();
    site.until_table("it is programmed", &table(&[(80, &[(AMS, 1)])])).await;
    let reload = |weight| {
        let bytes = weighing(weight).into_bytes();
        site.reload_with(Source::Bytes { name: format!("request {weight}"), bytes }, false)
    };
    let (mut replaced, mut applied) = (0, 0);
    let (a, b, c, d) = tokio::join!(reload(10), reload(20), reload(30), reload(40));
    assert_eq!(d, Ok(()), "nobody replaces the newest");
    for result in [a, b, c] {
        match result {
            Ok(()) => applied += 1,
            Err(ReloadError::Replaced) => replaced += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(applied + replaced, 3);
    site.until_table("the newest rules", &table(&[(80, &[(AMS, 40)])])).await;
}
