<?php
// Sends the requests of a file with phpredis and prints the replies: see tests/flow/clients.rs.

$host = getenv('REDIS_HOST');
$port = (int) getenv('REDIS_PORT');
$inCluster = (bool) getenv('REDIS_CLUSTER');

function shown($reply): string
{
    return match (true) {
        // phpredis replies false where there is no value.
        $reply === false, $reply === null => 'nil',
        $reply === true => 't' . bin2hex('OK'),
        is_int($reply) => "i$reply",
        is_string($reply) => 't' . bin2hex($reply),
        is_array($reply) => '[' . implode(' ', array_map('shown', $reply)) . ']',
    };
}

foreach (array_slice(explode('## ', file_get_contents($argv[1])), 1) as $section) {
    $lines = explode("\n", trim($section));
    [, $mode] = explode(' ', array_shift($lines));
    if ($inCluster) {
        $client = new RedisCluster(null, ["$host:$port"]);
    } else {
        $client = new Redis();
        $client->connect($host, $port);
    }
    // A status is its text; in pipelines it is true all the same.
    $client->setOption(Redis::OPT_REPLY_LITERAL, true);
    if ($mode !== 'single') {
        $client->multi($mode === 'transaction' ? Redis::MULTI : Redis::PIPELINE);
    }
    foreach ($lines as $line) {
        $words = array_map(fn ($word) => hex2bin(substr($word, 1)), explode(' ', $line));
        if ($inCluster) {
            array_unshift($words, $words[1]);
        }
        $client->clearLastError();
        $reply = $client->rawCommand(...$words);
        if ($mode === 'single') {
            $error = $client->getLastError();
            echo $error ? 'e' . bin2hex(preg_replace('/^ERR /', '', $error)) : shown($reply), "\n";
        }
    }
    if ($mode !== 'single') {
        foreach ($client->exec() as $reply) {
            echo shown($reply), "\n";
        }
    }
    $client->close();
}
