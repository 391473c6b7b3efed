<?php
// Events in, answers out, with phpredis.
//
//     apt-get install php-cli php-redis
//     php phpredis.php
//
// REDIS_HOST and REDIS_PORT name the server; with REDIS_CLUSTER=1 it is a node of a cluster.

$host = getenv('REDIS_HOST') ?: '127.0.0.1';
$port = (int) (getenv('REDIS_PORT') ?: 6379);
$inCluster = (bool) getenv('REDIS_CLUSTER');
if ($inCluster) {
    $client = new RedisCluster(null, ["$host:$port"]);
} else {
    $client = new Redis();
    $client->connect($host, $port);
}

// A cluster is told the key by which to find the node: the site. An error is thrown.
$ask = function (string $command, string $site, ...$args) use ($client, $inCluster) {
    $client->clearLastError();
    $reply = $inCluster
        ? $client->rawCommand($site, $command, $site, ...$args)
        : $client->rawCommand($command, $site, ...$args);
    if ($error = $client->getLastError()) {
        throw new RedisException($error);
    }
    return $reply;
};

$site = 'example:phpredis';
$order = explode(' ', 'DIM country FR VAL revenue 59.9 VAL latency 132 ID order-1001');
$events = [
    ['view', 'ann', 'DIM', 'country', 'FR', 'DIM', 'page', '/shoes'],
    ['view', 'bob', 'DIM', 'country', 'DE', 'DIM', 'page', '/hats'],
    ['view', 'cleo', 'DIM', 'country', 'FR', 'DIM', 'page', '/hats'],
    ['purchase', 'ann', ...$order],
    ['purchase', 'ann', ...$order], // sent twice by mistake: its ID counts once
];

// One round trip for all of them. RedisCluster has no pipelines: there, MTRACK is one command.
if ($inCluster) {
    $words = [];
    foreach ($events as $event) {
        array_push($words, 'EVENT', ...$event);
    }
    $counted = $ask('ANALYTICS.MTRACK', $site, ...$words);
} else {
    $client->multi(Redis::PIPELINE);
    foreach ($events as $event) {
        $client->rawCommand('ANALYTICS.TRACK', $site, ...$event);
    }
    $counted = array_sum($client->exec());
}
echo "counted $counted of ", count($events), " events\n";

echo $ask('ANALYTICS.UNIQUE', $site, '24h'), " users in the last 24 hours\n";

// phpredis speaks RESP2: counts are integers, other numbers strings, maps lists of pairs.
$metrics = ['events', 'revenue:sum', 'latency:p95'];
[$count, $revenue, $latency] = $ask('ANALYTICS.GET', $site, '24h', ...$metrics);
printf("events %d, revenue %.2f, p95 latency %g\n", $count, $revenue, $latency);

[$series] = $ask('ANALYTICS.RANGE', $site, '1h', '1m', 'events');
echo 'events by minute add up to ', array_sum(array_column($series, 1)), "\n";

$pages = [];
foreach ($ask('ANALYTICS.TOP', $site, '24h', 'page') as [$page, $n, $share]) {
    $pages[] = sprintf('%s %d (%d%%)', $page, $n, round($share * 100));
}
echo 'top pages: ', implode(', ', $pages), "\n";

$map = fn (array $pairs) => array_column(array_chunk($pairs, 2), 1, 0);
$dashboard = $map($ask('ANALYTICS.DASHBOARD', $site));
echo 'active in the last 5 minutes: ', $map($dashboard['active-users'])['5m'], "\n";

$ask('ANALYTICS.DROP', $site);
