BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answer (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	value TEXT NOT NULL, 
	lane TEXT, 
	round INTEGER, 
	until BIGINT, 
	PRIMARY KEY (project, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
)
 WITHOUT ROWID

;
INSERT INTO "answer" VALUES(1,3,'a','p_ann','answered','"cat"',NULL,NULL,4);
INSERT INTO "answer" VALUES(1,4,'a','p_ann','answered','"dog"',NULL,NULL,NULL);
INSERT INTO "answer" VALUES(1,5,'b','p_ann','skipped','null',NULL,NULL,9);
INSERT INTO "answer" VALUES(1,6,'c','p_bob','answered','"cat"',NULL,NULL,NULL);
INSERT INTO "answer" VALUES(1,7,'c','p_ann','answered','"cow"',NULL,NULL,8);
INSERT INTO "answer" VALUES(1,10,'b','p_bob','skipped','null',NULL,NULL,NULL);
CREATE TABLE attempt (
	"key" TEXT NOT NULL, 
	uses INTEGER NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE content (
	project INTEGER NOT NULL, 
	"row" BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (project, "row"), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "content" VALUES(1,0,'text','{"text":"a"}');
INSERT INTO "content" VALUES(1,1,'text','{"text":"b"}');
INSERT INTO "content" VALUES(1,2,'text','{"text":"c"}');
INSERT INTO "content" VALUES(1,3,'text','{"text":"d"}');
CREATE TABLE decision (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	value TEXT NOT NULL, 
	until BIGINT, 
	PRIMARY KEY (project, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE head (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	PRIMARY KEY (project), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "head" VALUES(1,11,'c7b92f50947ac514b45928f5905b336254f34c9ce18d29c78686de993ad52bbd',4);
CREATE TABLE item (
	project INTEGER NOT NULL, 
	"row" BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	state TEXT DEFAULT 'unlabelled' NOT NULL, 
	u_eval FLOAT NOT NULL, 
	u_control FLOAT NOT NULL, 
	copies INTEGER DEFAULT '1' NOT NULL, 
	"group" TEXT, 
	cost FLOAT, 
	PRIMARY KEY (project, "row"), 
	UNIQUE (project, id), 
	FOREIGN KEY(project) REFERENCES project (number)
)
 WITHOUT ROWID

;
INSERT INTO "item" VALUES(1,0,'a','labelled',0.0,1.0,1,NULL,NULL);
INSERT INTO "item" VALUES(1,1,'b','skipped',0.1,0.9,1,NULL,NULL);
INSERT INTO "item" VALUES(1,2,'c','labelled',0.2,0.8,1,NULL,NULL);
INSERT INTO "item" VALUES(1,3,'d','withdrawn',0.3,0.7,1,NULL,NULL);
CREATE TABLE job (
	project INTEGER NOT NULL, 
	step TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	heartbeat_at BIGINT NOT NULL, 
	PRIMARY KEY (project, step), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE lease (
	id TEXT NOT NULL, 
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	lane TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project, item, person), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE ledger (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	v INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	body TEXT NOT NULL, 
	prev TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (project, seq), 
	UNIQUE (project, "key"), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "ledger" VALUES(1,1,'pool_imported',1,'import/1',1795358931286970,'engine','{"added":4,"duplicates":0,"fingerprint":"1111111111111111","items":"3606507353b7683551e3e53535f14d69eae46f428e875f89d548e1a0918b2e11","rejected":null,"rejected_count":0,"reserve":0.0,"role":"pool","size":4,"source":"made"}','0000000000000000000000000000000000000000000000000000000000000000','5a2c05097858db72b6d6f4bcb42e6c60038e0ec29598331dce03dac682910155');
INSERT INTO "ledger" VALUES(1,2,'batch_selected',1,'r0/select/0',1795358931967371,'engine','{"asked":4,"chosen":4,"dataset":null,"evidence":{},"features":null,"items":["a","b","c","d"],"lanes":{},"model":null,"opinions":2,"part":0,"pending":null,"picks":"e25ddb12044ba3ca53277842a2e94d125bc165a496d3208a56861a03ee09aaf5","pool":"","round":0,"short":0,"strategy":{},"strategy_hash":"0000000000000000","through_seq":1}','5a2c05097858db72b6d6f4bcb42e6c60038e0ec29598331dce03dac682910155','15a0f271a085bc2b117b24877047d0ab823ebf55f14b8940c4c1cbcf0ed3dc5c');
INSERT INTO "ledger" VALUES(1,3,'answer_submitted',1,'key 2',1795358932067096,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"a","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cat"}','15a0f271a085bc2b117b24877047d0ab823ebf55f14b8940c4c1cbcf0ed3dc5c','817295f24890fd1cfe7178bc91b29da3c9d1ef1fbb220edc87de4783c2356e92');
INSERT INTO "ledger" VALUES(1,4,'answer_submitted',1,'key 3',1795358932123553,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"a","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":3,"round":null,"shown":null,"source":"ui","task":"single_label","value":"dog"}','817295f24890fd1cfe7178bc91b29da3c9d1ef1fbb220edc87de4783c2356e92','00b818f132127920529eabcc832a15153ea385334c6d48fbd45af2d25d97fa96');
INSERT INTO "ledger" VALUES(1,5,'answer_submitted',1,'key 4',1795358932133852,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"b","lane":null,"model":null,"outcome":"skipped","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":null}','00b818f132127920529eabcc832a15153ea385334c6d48fbd45af2d25d97fa96','3718ff88189b8a0e43543ebca125c6671a4251cc9e49171067d3b60ed567babf');
INSERT INTO "ledger" VALUES(1,6,'answer_submitted',1,'key 5',1795358932185356,'p_bob','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"c","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cat"}','3718ff88189b8a0e43543ebca125c6671a4251cc9e49171067d3b60ed567babf','84a8d1fa7eb2cb260e088d4f8ceab9870245e093fd2f8b1f3a0eb272e1b01fc2');
INSERT INTO "ledger" VALUES(1,7,'answer_submitted',1,'key 6',1795358932221645,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"c","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cow"}','84a8d1fa7eb2cb260e088d4f8ceab9870245e093fd2f8b1f3a0eb272e1b01fc2','a2fce41950f76e17255d59977e2c7fc17645c070ced00cf24884de8fee516ff0');
INSERT INTO "ledger" VALUES(1,8,'answer_withdrawn',1,'undo',1795358932261183,'p_ann','{"answer":7,"reason":"undo"}','a2fce41950f76e17255d59977e2c7fc17645c070ced00cf24884de8fee516ff0','dd5d8d75bcc08260f8264148fa829e0146408f8a137fa7d026f01c0dae172535');
INSERT INTO "ledger" VALUES(1,9,'answer_withdrawn',1,'again',1795358932305731,'p_ann','{"answer":5,"reason":"undo"}','dd5d8d75bcc08260f8264148fa829e0146408f8a137fa7d026f01c0dae172535','73bf0bd9bd759336ebe43f183e1a9530630d94cb6d94d5c4fdf9fcb2c741b848');
INSERT INTO "ledger" VALUES(1,10,'answer_submitted',1,'key 9',1795358932337686,'p_bob','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"b","lane":null,"model":null,"outcome":"skipped","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":null}','73bf0bd9bd759336ebe43f183e1a9530630d94cb6d94d5c4fdf9fcb2c741b848','6c21d96f6e8bbb0b65ba805c215a1ac51a38896aaf136f4d7abef721eef70997');
INSERT INTO "ledger" VALUES(1,11,'item_withdrawn',1,'gone',1795358932368947,'p_ann','{"erased":false,"item":"d","reason":"broken"}','6c21d96f6e8bbb0b65ba805c215a1ac51a38896aaf136f4d7abef721eef70997','c7b92f50947ac514b45928f5905b336254f34c9ce18d29c78686de993ad52bbd');
CREATE TABLE person (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	email TEXT, 
	password TEXT, 
	role TEXT NOT NULL, 
	must_change_password BOOLEAN NOT NULL, 
	active BOOLEAN NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "person" VALUES('p_422da01518ebec2c','ann',NULL,'$argon2id$v=19$m=65536,t=3,p=4$i2jfAsxKQ5p3lFB0yXftpw$2N106X6AB/M2+9CGgvO0UFoGXvDZUQmJpxzdxy3sJLg','annotator',0,1,1795358933661660);
CREATE TABLE pick (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	round INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	score FLOAT, 
	probability FLOAT, 
	PRIMARY KEY (project, item, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "pick" VALUES(1,'a',2,0,'query',0,0.5,NULL);
INSERT INTO "pick" VALUES(1,'b',2,0,'query',1,0.5,NULL);
INSERT INTO "pick" VALUES(1,'c',2,0,'query',2,0.5,NULL);
INSERT INTO "pick" VALUES(1,'d',2,0,'query',3,0.5,NULL);
CREATE TABLE project (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "project" VALUES(1,'a9131528-6abb-4c0f-87dc-d6c3a2d26db6','old',1795358930819251);
CREATE TABLE queue (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	part INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	score FLOAT, 
	wanted INTEGER NOT NULL, 
	opinions_left INTEGER NOT NULL, 
	PRIMARY KEY (project, item), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "queue" VALUES(1,'c',0,0,2,'query',0.5,2,1);
INSERT INTO "queue" VALUES(1,'b',0,0,1,'query',0.5,2,1);
INSERT INTO "queue" VALUES(1,'a',0,0,0,'query',0.5,2,1);
CREATE TABLE round (
	project INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	selected BIGINT, 
	frozen BIGINT, 
	trained BIGINT, 
	evaluated BIGINT, 
	asked INTEGER NOT NULL, 
	chosen INTEGER NOT NULL, 
	dataset TEXT, 
	model TEXT, 
	PRIMARY KEY (project, round), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "round" VALUES(1,0,2,NULL,NULL,NULL,4,4,NULL,NULL);
CREATE TABLE session (
	hash BLOB NOT NULL, 
	person TEXT NOT NULL, 
	csrf TEXT NOT NULL, 
	by_link BOOLEAN NOT NULL, 
	created BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(person) REFERENCES person (id)
);
CREATE TABLE token (
	hash BLOB NOT NULL, 
	person TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	expires_at BIGINT, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(person) REFERENCES person (id)
);
CREATE INDEX ledger_by_kind ON ledger (project, kind, seq);
CREATE INDEX item_by_state ON item (project, state, "row") WHERE state != 'unlabelled';
CREATE INDEX answer_by_item ON answer (project, item);
CREATE INDEX decision_by_item ON decision (project, item);
CREATE INDEX queue_by_place ON queue (project, round, part, rank) WHERE opinions_left > 0;
CREATE INDEX lease_by_person ON lease (project, person);
CREATE INDEX ix_session_person ON session (person);
CREATE INDEX ix_token_person ON token (person);
CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a correction is a new event'); END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is deleted'); END;
CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
       WHEN EXISTS (SELECT 1 FROM ledger WHERE project = NEW.project AND (seq = NEW.seq OR key = NEW.key))
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is replaced'); END;
COMMIT;
