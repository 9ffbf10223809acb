CREATE TABLE clicks (product STRING, visitor STRING, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3),
                     WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, visitors BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT,
                      PRIMARY KEY (product, window_start) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Windows');
EXECUTE STATEMENT SET BEGIN
INSERT INTO Counts SELECT product, COUNT(*), COUNT(DISTINCT visitor) FROM clicks GROUP BY product;
INSERT INTO Windows SELECT product, window_start, COUNT(*)
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY product, window_start, window_end;
END;
