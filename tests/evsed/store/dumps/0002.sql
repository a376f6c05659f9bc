BEGIN TRANSACTION;
CREATE TABLE ended (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
INSERT INTO "ended" VALUES(1,'transaction','tx1',1,1312690078,'{"id":"tx1","evse":2,"token":{"value":"04A1b2 ä"},"group":"group","started":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":99,"wall_ms":null},"start_wh":5000,"last_wh":5500,"refused_wh":null,"samples":[],"ended":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"end_wh":6000,"reason":"EVDisconnected","ended_by":null}');
CREATE TABLE quarantine (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE TABLE record (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    tx TEXT,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
) STRICT;
INSERT INTO "record" VALUES(1,'transaction','tx2',1,3133585996,NULL,'{"id":"tx2","evse":2,"token":{"value":"04A1b2 ä"},"group":"group","started":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":99,"wall_ms":null},"start_wh":5000,"last_wh":5500,"refused_wh":null,"samples":[{"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"context":"Sample.Periodic","values":[{"measurand":"Energy.Active.Import.Register","value":12345,"phase":null},{"measurand":"Voltage","value":230100,"phase":"L1-N"}]}],"ended":null,"end_wh":null,"reason":null,"ended_by":null}');
INSERT INTO "record" VALUES(2,'report','q0',1,1801843084,NULL,'{"id":"q0","seq":0,"attempts":0,"tag":"booted","report":{"triggered":true}}');
INSERT INTO "record" VALUES(3,'report','q1',1,155984370,NULL,'{"id":"q1","seq":1,"attempts":1,"tag":"heartbeat-due","report":{}}');
INSERT INTO "record" VALUES(4,'report','q2',1,1320502542,NULL,'{"id":"q2","seq":2,"attempts":2,"tag":"authorization-asked","report":{"evse":1,"token":{"value":"04A1b2 ä"}}}');
INSERT INTO "record" VALUES(5,'report','q3',1,1124087566,NULL,'{"id":"q3","seq":3,"attempts":0,"tag":"status-changed","report":{"evse":1,"status":"Faulted","at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":99,"wall_ms":null},"fault":{"name":"welded","opens":true,"latched":true,"code16":"PowerSwitchFailure","text":"the contactor is stuck"},"info":"text"}}');
INSERT INTO "record" VALUES(6,'report','q4',1,2700572209,'tx1','{"id":"q4","seq":4,"attempts":1,"tag":"transaction-started","report":{"tx":"tx1","evse":1,"token":{"value":"04A1b2 ä"},"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"meter_wh":1000,"reservation":7}}');
INSERT INTO "record" VALUES(7,'report','q5',1,1741578985,'tx1','{"id":"q5","seq":5,"attempts":2,"tag":"transaction-updated","report":{"tx":"tx1","evse":1,"samples":[{"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"context":"Sample.Periodic","values":[{"measurand":"Energy.Active.Import.Register","value":12345,"phase":null},{"measurand":"Voltage","value":230100,"phase":"L1-N"}]}]}}');
INSERT INTO "record" VALUES(8,'report','q6',1,35083414,'tx1','{"id":"q6","seq":6,"attempts":0,"tag":"transaction-ended","report":{"tx":"tx1","evse":1,"token":null,"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"meter_wh":2000,"reason":"PowerLoss","samples":[{"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"context":"Sample.Periodic","values":[{"measurand":"Energy.Active.Import.Register","value":12345,"phase":null},{"measurand":"Voltage","value":230100,"phase":"L1-N"}]}]}}');
INSERT INTO "record" VALUES(9,'report','q7',1,1786309102,NULL,'{"id":"q7","seq":7,"attempts":1,"tag":"meters-sampled","report":{"evse":0,"samples":[{"at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"context":"Sample.Periodic","values":[{"measurand":"Energy.Active.Import.Register","value":12345,"phase":null},{"measurand":"Voltage","value":230100,"phase":"L1-N"}]}]}}');
INSERT INTO "record" VALUES(10,'report','q8',1,1588526357,NULL,'{"id":"q8","seq":8,"attempts":2,"tag":"vendor-message","report":{"vendor":"maker","message":null,"data":"data"}}');
INSERT INTO "record" VALUES(11,'token','04a1b2 ä',1,2136236559,NULL,'{"token":{"value":"04A1b2 ä"},"status":"Blocked","expires_ms":1800000000000,"group":"group","seen":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000}}');
INSERT INTO "record" VALUES(12,'setting','OCPPCommCtrlr.HeartbeatInterval',1,625496991,NULL,'{"component":"OCPPCommCtrlr","name":"HeartbeatInterval","value":"60"}');
INSERT INTO "record" VALUES(13,'inoperative','2',1,3939257182,NULL,'{"evse":2}');
INSERT INTO "record" VALUES(14,'clock','5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11',1,686788196,NULL,'{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","offset_ms":1789999876544}');
INSERT INTO "record" VALUES(15,'binding','ocpp1.6:tx1',1,2453212048,NULL,'{"binding":{"dialect":"ocpp1.6","thing":"tx1","value":"42"}}');
CREATE TABLE security (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
INSERT INTO "security" VALUES(1,'security','s1',1,4001766752,'{"id":"s1","kind":"StartupOfTheDevice","at":{"boot":"5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11","mono_ms":123456,"wall_ms":1790000000000},"info":""}');
COMMIT;
