//! What people type.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::time::Duration;
use sterna_tests::{Http, Outcome, binary_path, eventually, free_port, run, run_within, say, sterna};
use tempfile::TempDir;
use tokio::process::Child;

/// 27,004 flights through three regions of a debug build.
const DEMO_MAX: Duration = Duration::from_secs(400);

/// `dev` in a home of its own.
struct Dev {
    home: TempDir,
    port: u16,
    process: Child,
}

impl Dev {
    async fn start(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("there is a temporary folder");
        let port = ports_in_a_row(3);
        let said = File::create(home.path().join("said")).expect("a temporary folder takes files");
        let mut command = sterna();
        command.env("HOME", home.path()).arg("dev").args(["--port", &port.to_string()]).args(arguments);
        let process =
            command.stdout(said.try_clone().expect("a file can be shared")).stderr(said).spawn().expect("the binary can be started");
        let mut dev = Self { home, port, process };
        eventually("dev is ready", async || {
            if let Ok(Some(status)) = dev.process.try_wait() {
                panic!("dev ended: {status}\n{}", dev.said());
            }
            if dev.said().contains("Ctrl-C stops") { Ok(()) } else { Err(dev.said()) }
        })
        .await;
        dev
    }

    fn said(&self) -> String {
        fs::read_to_string(self.home.path().join("said")).unwrap_or_default()
    }

    /// The n-th region.
    fn http(&self, n: u16) -> Http {
        Http::new(format!("http://127.0.0.1:{}", self.port + n))
    }

    async fn run(&self, line: &str) -> Outcome {
        run(sterna().env("HOME", self.home.path()).args(line.split(' '))).await
    }

    /// What it said, which must have gone well.
    async fn ok(&self, line: &str) -> String {
        let outcome = self.run(line).await;
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome.stdout
    }

    /// `get` until it fits.
    async fn get(&self, line: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(line, async || {
            let outcome = self.run(line).await;
            let document: Value = serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}: {outcome:?}"))?;
            if fits(&document) { Ok(document) } else { Err(outcome.stdout) }
        })
        .await
    }

    async fn stop(mut self) -> Option<i32> {
        let pid = self.process.id().and_then(|id| Pid::from_raw(id as i32)).expect("it runs");
        kill_process(pid, Signal::INT).expect("a child takes signals");
        self.process.wait().await.expect("a child can be waited for").code()
    }
}

#[tokio::test]
async fn the_shop_of_the_readme_is_cut_and_healed_by_hand() {
    let dev = Dev::start(&[]).await;
    assert!(dev.ok("cut us-east eu-west").await.contains("us-east ↔ eu-west: cut"));
    assert!(dev.ok("call cart c1 add_item sku=tea quantity=2 --region us-east --as ann").await.contains("accepted"));
    assert!(dev.ok("call cart c1 add_item sku=tea quantity=3 --region eu-west --as ben").await.contains("accepted"));
    assert!(dev.ok("heal").await.contains("us-east ↔ eu-west: whole"));
    let merged = dev.get("get cart c1 --region ap-south", |cart| cart["state"]["items"]["tea"] == 5).await;
    assert_eq!(merged["id"], "c1");
    // A session sees what it has written, in every region.
    dev.ok("call cart c1 leave_note note=hello --region us-east --as ann").await;
    assert!(dev.ok("get cart c1 --region ap-south --as ann").await.contains("hello"));

    let refused = dev.run("call cart c1 remove_item sku=mug --region us-east").await;
    assert!(refused.code == Some(1) && refused.stderr.contains("there is no such item in the cart"), "{refused:?}");
    let missing = dev.run("get cart c2 --region us-east").await;
    assert!(missing.code == Some(1) && missing.stderr.contains("there is no cart `c2`"), "{missing:?}");
    let unknown = dev.run("cut us-east mars").await;
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("there is no region `mars`; there are us-east, eu-west, ap-south"),
        "{unknown:?}"
    );
    assert_eq!(dev.run("call cart").await.code, Some(2), "a command line that is not understood");

    let status = dev.ok("status").await;
    assert!(["us-east", "eu-west", "ap-south"].iter().all(|region| status.contains(&format!("from {region}"))), "{status}");
    dev.ok("views rebuild carts_by_size --region us-east").await;
    eventually("the view answers after it was rebuilt", async || {
        let view = dev.http(1).get("/v1/views/carts_by_size").try_send().await?;
        if view.json()["data"][0]["items"] == 5 { Ok(()) } else { Err(view.text()) }
    })
    .await;
    assert_eq!(dev.stop().await, Some(0));
}

#[tokio::test]
async fn a_file_of_commands_is_sent_and_refused_lines_are_told() {
    let dev = Dev::start(&["--regions", "paris,oslo"]).await;
    let file = dev.home.path().join("commands.ndjson");
    let line = |n: usize, quantity: usize| {
        let args = json!({ "sku": "tea", "quantity": quantity });
        let line = json!({ "type": "cart", "id": format!("c{n}"), "command": "add_item", "args": args, "key": format!("k{n}") });
        line.to_string() + "\n"
    };
    fs::write(&file, (0..200).map(|n| line(n, 1)).collect::<String>()).expect("a file can be written");
    let send = format!("send {} --region oslo", file.display());
    assert!(dev.ok(&send).await.contains("200 accepted, 0 refused"));
    assert!(dev.ok(&send).await.contains("200 accepted, 0 refused"), "sent again, it has no second effect");
    dev.get("get cart c7 --region paris", |cart| cart["state"]["items"]["tea"] == 1).await;
    fs::write(&file, line(200, 1) + &line(201, 999) + &line(202, 1)[..40]).expect("a file can be written");
    let refused = dev.run(&send).await;
    assert!(refused.code == Some(1) && refused.stdout.contains("1 accepted, 2 refused"), "{refused:?}");
    assert!(refused.stdout.contains("line 2: 400 invalid-arguments") && refused.stdout.contains("line 3: 400 cut-line"), "{refused:?}");
    let nobody = dev.run(&format!("send {} --url http://127.0.0.1:{}", file.display(), free_port())).await;
    assert!(nobody.code == Some(3) && nobody.stderr.contains("is it running?"), "{nobody:?}");
    assert_eq!(dev.stop().await, Some(0));
}

#[tokio::test]
async fn programs_get_json_and_nothing_else() {
    let dev = Dev::start(&["--regions", "paris,oslo"]).await;
    let lines = [
        "call cart c1 add_item sku=tea quantity=2 --key k --json",
        "get cart c1 --json",
        "history cart c1 --json",
        "view carts_by_size --json",
        "status --wait 60 --json",
        "conflicts --json",
        "cut paris oslo --json",
        "heal --json",
        "views rebuild carts_by_size --json",
    ];
    for line in lines {
        let outcome = dev.run(line).await;
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{line}: {outcome:?}");
        assert!(!outcome.stdout.is_empty(), "{line} says nothing");
        for text in outcome.stdout.lines() {
            let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"));
            assert!(value.is_object(), "{line}: {text}");
        }
    }
    let refused = dev.run("call cart c1 remove_item sku=mug --json").await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    let told: Value = serde_json::from_str(&refused.stderr).expect("an error is JSON, too");
    assert_eq!((&told["problem"]["code"], &told["problem"]["guard"]), (&json!("guard-refused"), &json!("not-in-cart")), "{told}");
    let behind = dev.run(&format!("get cart c1 --json --url http://127.0.0.1:{}", free_port())).await;
    assert_eq!(behind.code, Some(3), "nobody answers: {behind:?}");
    assert!(serde_json::from_str::<Value>(&behind.stderr).is_ok_and(|told| told["error"].is_string()), "{behind:?}");
    assert_eq!(dev.stop().await, Some(0));
}

#[tokio::test]
async fn colours_are_for_terminals() {
    let on_terminal = async |variable: Option<(&str, &str)>| {
        let home = tempfile::tempdir().expect("there is a temporary folder");
        let line = format!("{} get cart c1 --url http://127.0.0.1:{}", binary_path().display(), free_port());
        let mut script = tokio::process::Command::new("script");
        script.args(["-q", "-e", "-c", &line, "/dev/null"]).env_clear().env("TERM", "xterm").env("HOME", home.path()).envs(variable);
        run(&mut script).await
    };
    let plain = run(sterna().args(["get", "cart", "c1", "--url", &format!("http://127.0.0.1:{}", free_port())])).await;
    assert!(plain.code == Some(3) && plain.stderr.starts_with("error: ") && !plain.stderr.contains('\u{1b}'), "{plain:?}");
    if !["/usr/bin/script", "/bin/script"].iter().any(|path| std::path::Path::new(path).exists()) {
        return say("terminal lane: skipped, no script(1)");
    }
    let coloured = on_terminal(None).await;
    assert!(coloured.code == Some(3) && coloured.stdout.contains("\u{1b}[31merror:\u{1b}[0m"), "{coloured:?}");
    let asked_not_to = on_terminal(Some(("NO_COLOR", "1"))).await;
    assert!(asked_not_to.code == Some(3) && !asked_not_to.stdout.contains('\u{1b}'), "{asked_not_to:?}");
}

#[tokio::test]
async fn the_demonstration_ends_well_only_if_every_row_is_what_the_file_says() {
    let home = tempfile::tempdir().expect("there is a temporary folder");
    let port = ports_in_a_row(3).to_string();
    let demo = run_within(DEMO_MAX, sterna().env("HOME", home.path()).args(["demo", "--exit", "--port", &port])).await;
    assert_eq!(demo.code, Some(0), "{demo:?}");
    assert!(demo.stdout.contains("27,004 flights") && demo.stdout.contains("all equal"), "{}", demo.stdout);
    assert!(demo.stdout.contains("Cut us-east ↔ us-west") && demo.stdout.contains("Healed us-east ↔ us-west"), "{}", demo.stdout);
    assert!(demo.stdout.contains("\"field\":\"remark\""), "one conflict is made and shown: {}", demo.stdout);
}

/// The port before the first of them.
pub fn ports_in_a_row(count: u16) -> u16 {
    loop {
        let ports: Vec<u16> = (0..=count).map(|_| free_port()).collect();
        if ports.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
            return ports[0];
        }
    }
}
